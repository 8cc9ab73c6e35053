//! GGUF files read back by a reader of the tests' own: every value against the formula, hand-made Q8_0
//! blocks, the order of a llama's rows, the tokenizer, and what is refused. (llama.cpp itself:
//! `tests/check_gguf.py`.)

mod fixture;
mod reader;
mod reading;
mod refusals;

use std::path::Path;

use half::f16;
use serde_json::json;

use self::fixture::{ROWS, adapter, model};
use self::reader::File;
use super::*;
use crate::export::gguf::blocks::{block, interleave};

const FAMILIES: [&str; 3] = ["qwen2", "qwen3", "llama"];

fn source<'a>(folder: &'a Path, adapter: &'a Adapter) -> GgufSource<'a> {
    GgufSource { model_folder: folder, adapter, name: "a run" }
}

/// `W + scaling * B A` of a tensor of the checkpoint, in f64.
fn exact(folder: &Path, planned: &Planned, adapter: &Adapter) -> Vec<f64> {
    let reader = CheckpointReader::open(folder).unwrap();
    let (weight, _) = reader.read_f32(&planned.source, &planned.shape).unwrap();
    let pairs =
        adapter.pairs().map(|(layer, kind, pair)| (format!("{}.weight", kind.module_name(layer)), pair));
    let pair = pairs.into_iter().find(|(name, _)| *name == planned.source).map(|(_, pair)| pair);
    let delta = |pair: &LoraPair, at: usize| {
        let (row, column) = (at / pair.in_features, at % pair.in_features);
        let term = |k: usize| {
            f64::from(pair.b[row * pair.rank + k]) * f64::from(pair.a[k * pair.in_features + column])
        };
        f64::from(adapter.scaling()) * (0..pair.rank).map(term).sum::<f64>()
    };
    let value = |(at, weight): (usize, f32)| f64::from(weight) + pair.map_or(0.0, |pair| delta(pair, at));
    weight.into_iter().enumerate().map(value).collect()
}

/// Row of the checkpoint that llama.cpp's row of a head comes from: pairs stand side by side there.
fn source_row(row: usize, head_rows: usize) -> usize {
    let (head, within) = (row / head_rows, row % head_rows);
    head * head_rows + within / 2 + within % 2 * (head_rows / 2)
}

#[test]
fn every_weight_of_every_family_is_the_formula_rounded_once() {
    for family in FAMILIES {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("base");
        let config = model(&folder, family);
        let adapter = adapter(&config, false);
        for (kind, number) in [(GgufType::F16, 1), (GgufType::Q8_0, 8)] {
            let out = place.path().join(format!("{number}"));
            export_gguf(source(&folder, &adapter), kind, &out, |_, _| Ok(Vec::new())).unwrap();
            let file = File::read(&out.join("model.gguf"));
            let plan = names::plan(&config);
            let divisors = usize::from(family == "llama");
            assert_eq!(file.tensors.len(), plan.len() + divisors);
            for planned in plan {
                let tensor = &file.tensors[&planned.name];
                assert_eq!(tensor.shape, planned.shape, "{}", planned.name);
                assert_eq!(tensor.kind, if planned.shape.len() == 1 { 0 } else { number });
                let columns = planned.shape.get(1).copied().unwrap_or(1);
                let exact = exact(&folder, &planned, &adapter);
                let largest = exact.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
                let most = match (planned.shape.len(), kind) {
                    (1, _) => 0.0,
                    (_, GgufType::F16) => largest / 2048.0 + 1e-6,
                    // Half a step, and the step's own rounding to f16.
                    (_, GgufType::Q8_0) => largest / 127.0 * 0.5 + largest / 1024.0,
                };
                for (at, value) in tensor.values.iter().enumerate() {
                    let row =
                        planned.heads.map_or(at / columns, |_| source_row(at / columns, config.head_dim));
                    let wanted = exact[row * columns + at % columns];
                    assert!(
                        (f64::from(*value) - wanted).abs() <= most,
                        "{} {at}: {value} {wanted}",
                        planned.name
                    );
                }
            }
        }
    }
}

#[test]
fn an_adapter_is_written_as_it_is() {
    for (family, use_rslora) in [("qwen2", false), ("qwen3", true), ("llama", false)] {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("base");
        let config = model(&folder, family);
        let adapter = adapter(&config, use_rslora);
        let out = place.path().join("out");
        export_gguf_adapter(source(&folder, &adapter), &out, &[("README.md", b"card".to_vec())]).unwrap();
        assert_eq!(std::fs::read(out.join("README.md")).unwrap(), b"card");
        let modelfile = std::fs::read_to_string(out.join("Modelfile")).unwrap();
        assert!(modelfile.contains("FROM ./base.gguf\nADAPTER ./adapter.gguf\n"), "{modelfile}");
        let file = File::read(&out.join("adapter.gguf"));
        // alpha / rank is what llama.cpp multiplies by: 6 / 4, or with rsLoRA 6 / 2.
        let alpha = if use_rslora { 12.0 } else { 6.0 };
        for (key, value) in [
            ("general.type", json!("adapter")),
            ("general.architecture", json!(family)),
            ("adapter.type", json!("lora")),
            ("adapter.lora.alpha", json!(alpha)),
        ] {
            assert_eq!(file.metadata[key], value, "{key}");
        }
        assert_eq!(file.tensors.len(), 2 * 2 * 7);
        for (layer, kind, pair) in adapter.pairs() {
            let name = names::linear(layer, kind);
            let (a, b) = (
                &file.tensors[&format!("{name}.weight.lora_a")],
                &file.tensors[&format!("{name}.weight.lora_b")],
            );
            assert_eq!((&a.shape, &b.shape), (&vec![4, pair.in_features], &vec![pair.out_features, 4]));
            assert_eq!(a.values, pair.a);
            let is_turned = family == "llama" && matches!(kind, LinearKind::Query | LinearKind::Key);
            for (row, values) in b.values.chunks(4).enumerate() {
                let from = if is_turned { source_row(row, config.head_dim) } else { row };
                assert_eq!(values, &pair.b[from * 4..from * 4 + 4], "{name} {row}");
            }
        }
    }
}

#[test]
fn blocks_of_q8_0_are_ggmls() {
    // Largest 127: the step is 1, halves go away from zero.
    let mut values = [0.0_f32; 32];
    values[..8].copy_from_slice(&[127.0, -127.0, 0.5, -0.5, 1.5, 2.4, -2.6, 0.49]);
    let (bytes, written) = block(&values);
    assert_eq!(bytes[..2], f16::from_f32(1.0).to_le_bytes());
    assert_eq!(bytes[2..10], [127, 129, 1, 255, 2, 2, 253, 0]);
    assert_eq!(written[..8], [127.0, -127.0, 1.0, -1.0, 2.0, 2.0, -3.0, 0.0]);
    // The codes come from the step in f32 (0.1 / 127), the values from its f16.
    let (bytes, written) = block(&[0.1; 32]);
    let step = f16::from_f32(0.1 / 127.0);
    assert_eq!(bytes[..2], step.to_le_bytes());
    assert!(bytes[2..].iter().all(|code| *code == 127));
    assert_eq!(written, [step.to_f32() * 127.0; 32]);
    assert_eq!(block(&[0.0; 32]), ([0; 34], [0.0; 32]));
}

#[test]
fn rows_of_a_head_are_interleaved() {
    let rows: Vec<f32> = (0..16).map(|i| i as f32).collect();
    // Two heads of four rows of two columns: 0 2 1 3 and 4 6 5 7.
    let wanted = [0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0, 12.0, 13.0, 10.0, 11.0, 14.0, 15.0];
    assert_eq!(interleave(&rows, 2, 2), wanted);
}

#[test]
fn the_metadata_are_what_llama_cpp_asks_for() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("base");
    let config = model(&folder, "llama");
    let adapter = adapter(&config, false);
    let (first, second) = (place.path().join("first"), place.path().join("second"));
    for out in [&first, &second] {
        export_gguf(source(&folder, &adapter), GgufType::F16, out, |_, facts| {
            assert!(!facts.is_normalised && facts.difference.mean() > 0.0);
            Ok(vec![("README.md", b"card".to_vec())])
        })
        .unwrap();
    }
    for name in ["model.gguf", "Modelfile", "README.md"] {
        assert!(
            std::fs::read(first.join(name)).unwrap() == std::fs::read(second.join(name)).unwrap(),
            "{name}"
        );
    }
    let file = File::read(&first.join("model.gguf"));
    for (key, value) in [
        ("general.architecture", json!("llama")),
        ("general.name", json!("a run")),
        ("general.file_type", json!(1)),
        ("llama.block_count", json!(2)),
        ("llama.context_length", json!(128)),
        ("llama.attention.head_count_kv", json!(2)),
        ("llama.attention.key_length", json!(16)),
        ("llama.rope.freq_base", json!(1e6)),
        ("tokenizer.ggml.model", json!("gpt2")),
        ("tokenizer.ggml.pre", json!("llama-bpe")),
        ("tokenizer.ggml.merges", json!(["t h", "th e"])),
        ("tokenizer.ggml.bos_token_id", json!(258)),
        ("tokenizer.ggml.eos_token_id", json!(260)),
        ("tokenizer.ggml.eot_token_id", json!(260)),
        ("tokenizer.ggml.padding_token_id", json!(261)),
        ("tokenizer.ggml.add_bos_token", json!(true)),
        ("tokenizer.ggml.add_eos_token", json!(false)),
        ("tokenizer.chat_template", json!(fixture::CHATML)),
    ] {
        assert_eq!(file.metadata[key], value, "{key}");
    }
    let tokens = file.metadata["tokenizer.ggml.tokens"].as_array().unwrap();
    let kinds = file.metadata["tokenizer.ggml.token_type"].as_array().unwrap();
    assert_eq!((tokens.len(), kinds.len()), (ROWS, ROWS));
    let token = |id: usize| (tokens[id].as_str().unwrap(), kinds[id].as_i64().unwrap());
    assert_eq!([token(32), token(257)], [("Ġ", 1), ("the", 1)]);
    assert_eq!([token(260), token(261), token(262)], [("<|im_end|>", 3), ("<tool>", 4), ("[PAD262]", 5)]);
    // The shortest wavelengths are kept, the longest divided by the factor.
    let divisors = &file.tensors["rope_freqs.weight"].values;
    assert_eq!((divisors.len(), divisors[0], divisors[7]), (8, 1.0, 8.0));
}

#[test]
fn a_modelfile_has_a_template_only_where_it_is_the_models() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("base");
    let adapter = adapter(&model(&folder, "qwen2"), false);
    let write = |name: &str, template: &str| {
        std::fs::write(folder.join("chat_template.jinja"), template).unwrap();
        let out = place.path().join(name);
        export_gguf(source(&folder, &adapter), GgufType::F16, &out, |_, facts| {
            assert!(facts.is_normalised);
            Ok(Vec::new())
        })
        .unwrap();
        std::fs::read_to_string(out.join("Modelfile")).unwrap()
    };
    let chatml = write("chatml", fixture::CHATML);
    assert!(
        chatml.contains("{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}")
    );
    assert!(chatml.contains("SYSTEM \"\"\"Be brief.\"\"\"\n"), "{chatml}");
    let plain = write("plain", &fixture::CHATML.replace("loop.first and", "false and"));
    assert!(plain.contains("TEMPLATE \"\"\"") && !plain.contains("SYSTEM"), "{plain}");
    // Takes blanks away; puts a text between; a default that would end the line early.
    for (name, from, to) in [
        ("trims", "message['content'] +", "message['content'] | trim +"),
        ("adds", "'<|im_start|>assistant\n'", "'<|im_start|>assistant\n<think>\n'"),
        ("quotes", "Be brief.", "Be \"brief\"."),
    ] {
        let modelfile = write(name, &fixture::CHATML.replace(from, to));
        assert!(
            !modelfile.contains("TEMPLATE \"\"\"") && modelfile.contains("There is no TEMPLATE"),
            "{modelfile}"
        );
    }
}
