//! A Qwen2 folder with random weights: config.json, generation_config.json, model.safetensors in bf16. Called
//! by `main` before pre-training. Invariants: 1.1 M parameters; every tensor of the architecture and no
//! other.

use std::path::Path;

use half::bf16;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::json;
use tests::synthetic::outcome::Outcome;
use tests::synthetic::sampler::Sampler;

use crate::tokenizer::{SPECIAL, VOCABULARY};

const HIDDEN: usize = 128;
const FEED_FORWARD: usize = 384;
const LAYERS: usize = 4;
const HEADS: usize = 4;
const KEY_VALUE_HEADS: usize = 2;
/// Pre-training with LoRA leaves embedding and norms as they are, so their scales must suit a trained model:
/// with deviation 0.15 the head's logits reach 0.15 * 128 = 19, enough to be sure of one of 2,000 tokens.
const EMBEDDING_DEVIATION: f32 = 0.15;

pub(crate) fn make(folder: &Path, sampler: &mut Sampler) -> Outcome<()> {
    let id = |index: usize| VOCABULARY - SPECIAL.len() + index;
    let config = json!({
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": id(0), "eos_token_id": id(2),
        "hidden_act": "silu", "hidden_size": HIDDEN, "initializer_range": 0.02, "intermediate_size": FEED_FORWARD,
        "max_position_embeddings": 512, "max_window_layers": LAYERS, "model_type": "qwen2",
        "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "num_key_value_heads": KEY_VALUE_HEADS,
        "rms_norm_eps": 1e-6, "rope_theta": 1_000_000.0, "sliding_window": null, "tie_word_embeddings": true,
        "torch_dtype": "bfloat16", "use_cache": true, "use_sliding_window": false, "vocab_size": VOCABULARY,
    });
    std::fs::write(folder.join("config.json"), format!("{config:#}\n"))?;
    let generation = json!({"bos_token_id": id(0), "eos_token_id": [id(2), id(0)], "pad_token_id": id(0)});
    std::fs::write(folder.join("generation_config.json"), format!("{generation:#}\n"))?;

    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = shapes()
        .into_iter()
        .map(|(name, shape)| {
            let data =
                values(&name, &shape, sampler).into_iter().flat_map(|v| bf16::from_f32(v).to_le_bytes());
            (name, shape, data.collect())
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, data)| Ok((name.as_str(), TensorView::new(Dtype::BF16, shape.clone(), data)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    std::fs::write(folder.join("model.safetensors"), safetensors::serialize(views, Some(metadata))?)?;
    Ok(())
}

/// Names and shapes as transformers saves a tied Qwen2.
fn shapes() -> Vec<(String, Vec<usize>)> {
    let key_value = HIDDEN / HEADS * KEY_VALUE_HEADS;
    let mut shapes = vec![
        ("model.embed_tokens.weight".to_owned(), vec![VOCABULARY, HIDDEN]),
        ("model.norm.weight".to_owned(), vec![HIDDEN]),
    ];
    for layer in 0..LAYERS {
        let mut add = |name: &str, shape: &[usize]| {
            shapes.push((format!("model.layers.{layer}.{name}"), shape.to_vec()))
        };
        add("input_layernorm.weight", &[HIDDEN]);
        add("post_attention_layernorm.weight", &[HIDDEN]);
        for (name, out) in [("q", HIDDEN), ("k", key_value), ("v", key_value)] {
            add(&format!("self_attn.{name}_proj.weight"), &[out, HIDDEN]);
            add(&format!("self_attn.{name}_proj.bias"), &[out]);
        }
        add("self_attn.o_proj.weight", &[HIDDEN, HIDDEN]);
        add("mlp.gate_proj.weight", &[FEED_FORWARD, HIDDEN]);
        add("mlp.up_proj.weight", &[FEED_FORWARD, HIDDEN]);
        add("mlp.down_proj.weight", &[HIDDEN, FEED_FORWARD]);
    }
    shapes
}

fn values(name: &str, shape: &[usize], sampler: &mut Sampler) -> Vec<f32> {
    let count = shape.iter().product();
    let deviation = match shape {
        _ if name.ends_with("norm.weight") => return vec![1.0; count],
        [_, _] if name.starts_with("model.embed_tokens") => EMBEDDING_DEVIATION,
        [_, fan_in] => 0.5 / (*fan_in as f32).sqrt(),
        _ => return vec![0.0; count],
    };
    (0..count).map(|_| sampler.normal(deviation)).collect()
}
