//! Model folders for the tests, made here: three families, a byte-level tokenizer, a ChatML template.

use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};
use serde_json::{Value, json};

use crate::adapter::{Adapter, LoraSettings};
use crate::config::ModelConfig;
use crate::export::gguf::names;

pub(super) const ROWS: usize = 272;
pub(super) const CHATML: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}<|im_start|>system\nBe brief.<|im_end|>\n{% endif %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

pub(super) fn config(family: &str) -> Value {
    let mut config = json!({
        "model_type": family, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": ROWS,
        "rms_norm_eps": 1e-6, "rope_theta": 1e6, "max_position_embeddings": 128,
        "tie_word_embeddings": family != "llama", "hidden_act": "silu", "torch_dtype": "float32"
    });
    if family == "llama" {
        config["rope_scaling"] = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64});
    }
    config
}

/// The byte-level alphabet in the order of bytes.
fn alphabet() -> Vec<char> {
    let printed = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut next = 256;
    (0..256)
        .map(|byte| {
            let code = if printed(byte) { byte } else { next };
            next += u32::from(!printed(byte));
            char::from_u32(code).unwrap()
        })
        .collect()
}

pub(super) fn tokenizer(family: &str) -> Value {
    let is_llama = family == "llama";
    let mut vocabulary: serde_json::Map<String, Value> =
        alphabet().into_iter().enumerate().map(|(id, text)| (text.to_string(), json!(id))).collect();
    vocabulary.insert("th".to_owned(), json!(256));
    vocabulary.insert("the".to_owned(), json!(257));
    let added = |id: u32, content: &str, special: bool| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": special})
    };
    let words = WORDS.replace("DIGITS", if is_llama { r"\p{N}{1,3}" } else { r"\p{N}" });
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [added(258, "<|begin|>", true), added(259, "<|im_start|>", true),
            added(260, "<|im_end|>", true), added(261, "<tool>", false)],
        "normalizer": if is_llama { Value::Null } else { json!({"type": "NFC"}) },
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": words}, "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
        "post_processor": if is_llama { json!({"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<|begin|>": {"id": "<|begin|>", "ids": [258], "tokens": ["<|begin|>"]}}}) }
            else { Value::Null },
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": is_llama,
            "vocab": vocabulary,
            // Both spellings are in use.
            "merges": if is_llama { json!(["t h", "th e"]) } else { json!([["t", "h"], ["th", "e"]]) }}
    })
}

pub(super) fn write_json(folder: &Path, name: &str, value: &Value) {
    std::fs::write(folder.join(name), value.to_string()).unwrap();
}

/// Writes a folder of the family and gives its config.
pub(super) fn model(folder: &Path, family: &str) -> ModelConfig {
    std::fs::create_dir_all(folder).unwrap();
    write_json(folder, "config.json", &config(family));
    write_json(folder, "tokenizer.json", &tokenizer(family));
    let begin = if family == "llama" { json!("<|begin|>") } else { Value::Null };
    let settings = json!({"eos_token": "<|im_end|>", "bos_token": begin, "pad_token": {"content": "<tool>"}});
    write_json(folder, "tokenizer_config.json", &settings);
    std::fs::write(folder.join("chat_template.jinja"), CHATML).unwrap();
    let config = ModelConfig::from_dir(folder).unwrap();
    weights(folder, &config, &[]);
    config
}

/// Writes the weights, and one-element tensors of further names.
pub(super) fn weights(folder: &Path, config: &ModelConfig, further: &[(&str, f32)]) {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = names::plan(config)
        .into_iter()
        .enumerate()
        .map(|(index, planned)| {
            let count: usize = planned.shape.iter().product();
            let values = (0..count).map(|i| ((i * 37 + index * 11) % 1013) as f32 / 9970.0 - 0.05);
            (planned.source, planned.shape, values.flat_map(f32::to_le_bytes).collect())
        })
        .collect();
    for (name, value) in further {
        match tensors.iter_mut().find(|(known, ..)| known == name) {
            Some((_, _, bytes)) => bytes[..4].copy_from_slice(&value.to_le_bytes()),
            None => tensors.push(((*name).to_owned(), vec![1], value.to_le_bytes().to_vec())),
        }
    }
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    std::fs::write(folder.join("model.safetensors"), serialize(views, None).unwrap()).unwrap();
}

pub(super) fn adapter(config: &ModelConfig, use_rslora: bool) -> Adapter {
    let settings = LoraSettings { use_rslora, ..LoraSettings::all_linear(4, 6.0) };
    let mut adapter = Adapter::init(config, &settings, 5).unwrap();
    for (index, matrix) in adapter.matrices_mut().enumerate() {
        for (i, value) in matrix.iter_mut().enumerate() {
            *value = ((i * 31 + index * 7) % 101) as f32 / 404.0 - 0.1;
        }
    }
    adapter
}
