//! Tests of the merged export: every value against the formula, shards against the single file, and no
//! half-written folder after a failure.

use std::path::Path;

use half::bf16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use super::*;
use crate::adapter::LoraSettings;
use crate::config::LinearKind;

/// A one-layer Qwen2 folder in f32 with values that bf16 must round, and its companions.
fn model_folder(place: &Path) -> ModelConfig {
    let config = json!({
        "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 64,
        "rms_norm_eps": 1e-6, "rope_theta": 1e6, "max_position_embeddings": 64, "tie_word_embeddings": true,
        "hidden_act": "silu", "torch_dtype": "float32"
    });
    std::fs::write(place.join("config.json"), config.to_string()).unwrap();
    std::fs::write(place.join("tokenizer.json"), "{}").unwrap();
    std::fs::write(place.join("pytorch_model.bin"), "not copied").unwrap();
    let config = ModelConfig::from_dir(place).unwrap();
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![64, 64])];
    shapes.push(("model.norm.weight".to_owned(), vec![64]));
    for kind in LinearKind::ALL {
        shapes.push((format!("{}.weight", kind.module_name(0)), config.linear_shape(kind).to_vec()));
    }
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = shapes
        .into_iter()
        .enumerate()
        .map(|(index, (name, shape))| {
            let count: usize = shape.iter().product();
            let values = (0..count).map(|i| ((i * 37 + index * 11) % 1013) as f32 / 997.0 - 0.5);
            (name, shape, values.flat_map(f32::to_le_bytes).collect())
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, data)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap())
    });
    std::fs::write(place.join("model.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();
    config
}

fn trained_adapter(config: &ModelConfig) -> Adapter {
    let settings = LoraSettings {
        target_modules: vec!["q_proj".into(), "down_proj".into()],
        use_rslora: false,
        ..LoraSettings::all_linear(4, 6.0)
    };
    let mut adapter = Adapter::init(config, &settings, 5).unwrap();
    for (index, matrix) in adapter.matrices_mut().enumerate() {
        for (i, value) in matrix.iter_mut().enumerate() {
            *value = ((i * 31 + index * 7) % 101) as f32 / 404.0 - 0.1;
        }
    }
    adapter
}

fn widen(view: &TensorView<'_>) -> Vec<f32> {
    view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn every_value_is_the_formula_rounded_once() {
    let place = tempfile::tempdir().unwrap();
    let config = model_folder(place.path());
    let adapter = trained_adapter(&config);
    let out = place.path().join("merged");
    export_merged(place.path(), &adapter, &out).unwrap();

    let base_bytes = std::fs::read(place.path().join("model.safetensors")).unwrap();
    let out_bytes = std::fs::read(out.join("model.safetensors")).unwrap();
    let (base, merged) =
        (SafeTensors::deserialize(&base_bytes).unwrap(), SafeTensors::deserialize(&out_bytes).unwrap());
    assert_eq!(base.len(), merged.len());
    let mut changed = 0;
    for (name, view) in base.iter() {
        let weight = widen(&view);
        let out = merged.tensor(name).unwrap();
        assert_eq!((out.dtype(), out.shape()), (Dtype::BF16, view.shape()));
        let target = LinearKind::ALL.into_iter().find(|k| name == format!("{}.weight", k.module_name(0)));
        let pair = target.and_then(|kind| adapter.pair(0, kind));
        changed += usize::from(pair.is_some());
        for (i, (w, bytes)) in weight.iter().zip(out.data().chunks_exact(2)).enumerate() {
            let delta = pair.map_or(0.0, |pair| {
                let (row, column) = (i / pair.in_features, i % pair.in_features);
                let sum: f64 = (0..pair.rank)
                    .map(|k| {
                        f64::from(pair.b[row * pair.rank + k])
                            * f64::from(pair.a[k * pair.in_features + column])
                    })
                    .sum();
                1.5 * sum
            });
            let value = bf16::from_le_bytes(bytes.try_into().unwrap()).to_f64();
            let exact = f64::from(*w) + delta;
            // Half a unit in the last of eight bits, and a little for f32 sums that land beside a tie.
            assert!(
                (value - exact).abs() <= exact.abs() / 256.0 * 1.001 + 1e-7,
                "{name} {i}: {value} {exact}"
            );
            if pair.is_none() {
                assert_eq!(bytes, bf16::from_f32(*w).to_le_bytes());
            }
        }
    }
    assert_eq!(changed, 2);
    let out_config: Value = serde_json::from_slice(&std::fs::read(out.join("config.json")).unwrap()).unwrap();
    assert_eq!(out_config["torch_dtype"], "bfloat16");
    assert!(out.join("tokenizer.json").exists() && !out.join("pytorch_model.bin").exists());
    ModelConfig::from_dir(&out).unwrap();
}

#[test]
fn shards_hold_what_the_single_file_holds_and_can_be_exported_again() {
    let place = tempfile::tempdir().unwrap();
    let config = model_folder(place.path());
    let adapter = trained_adapter(&config);
    let (single, split, again) =
        (place.path().join("single"), place.path().join("split"), place.path().join("again"));
    export_merged(place.path(), &adapter, &single).unwrap();
    export_sharded(place.path(), &adapter, &split, |_| Ok(Vec::new()), 20_000).unwrap();
    let index: Value =
        serde_json::from_slice(&std::fs::read(split.join("model.safetensors.index.json")).unwrap()).unwrap();
    let single_bytes = std::fs::read(single.join("model.safetensors")).unwrap();
    let whole = SafeTensors::deserialize(&single_bytes).unwrap();
    let map = index["weight_map"].as_object().unwrap();
    assert_eq!(map.len(), whole.len());
    assert!(map.values().collect::<std::collections::HashSet<_>>().len() > 2);
    for (name, file) in map {
        let bytes = std::fs::read(split.join(file.as_str().unwrap())).unwrap();
        let shard = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(shard.tensor(name).unwrap().data(), whole.tensor(name).unwrap().data());
    }
    // With an adapter that changes nothing, a sharded bf16 base comes out as the same bytes in one file.
    let nothing = Adapter::init(&config, &LoraSettings::all_linear(2, 2.0), 1).unwrap();
    export_merged(&split, &nothing, &again).unwrap();
    assert_eq!(std::fs::read(again.join("model.safetensors")).unwrap(), single_bytes);
}

#[test]
fn failures_leave_nothing_behind_and_say_why() {
    let place = tempfile::tempdir().unwrap();
    let config = model_folder(place.path());
    let adapter = trained_adapter(&config);
    let out = place.path().join("out");
    let entries = || std::fs::read_dir(place.path()).unwrap().count();
    let before = entries();

    let path = place.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let error = export_merged(place.path(), &adapter, &out).unwrap_err();
    assert!(matches!(error, ModelError::Checkpoint { .. }), "{error}");
    std::fs::write(&path, &whole[..5]).unwrap();
    assert!(matches!(export_merged(place.path(), &adapter, &out), Err(ModelError::Checkpoint { .. })));
    std::fs::remove_file(&path).unwrap();
    // Only weights in PyTorch's format are left.
    assert!(matches!(export_merged(place.path(), &adapter, &out), Err(ModelError::Unsupported { .. })));
    // A checkpoint that lacks a target of the adapter.
    let empty: [(&str, TensorView<'_>); 0] = [];
    std::fs::write(&path, safetensors::serialize(empty, None).unwrap()).unwrap();
    assert!(matches!(export_merged(place.path(), &adapter, &out), Err(ModelError::MissingTensor { .. })));
    assert_eq!(entries(), before);

    std::fs::write(&path, &whole).unwrap();
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("mine"), "x").unwrap();
    let error = export_merged(place.path(), &adapter, &out).unwrap_err();
    assert!(error.to_string().contains("not empty"), "{error}");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
    // A type that cannot be exported is found while writing: the staging folder must go.
    let ints = [("model.norm.weight", TensorView::new(Dtype::I8, vec![1], &[1]).unwrap())];
    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let views = file.iter().filter(|(name, _)| *name != "model.norm.weight").chain(ints);
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    let other = place.path().join("other");
    let error = export_merged(place.path(), &adapter, &other).unwrap_err();
    assert!(error.to_string().contains("model.norm.weight"), "{error}");
    assert_eq!(entries(), before + 1);
}
