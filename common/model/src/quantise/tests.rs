//! The written folder: read back to the same model, split or not, nothing left behind after a failure.

use std::path::Path;

use half::bf16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use super::*;
use crate::adapter::LoraSettings;
use crate::base::BaseModel;
use crate::options::{Compute, LoadOptions, WeightFormat};

/// A one-layer Qwen2 folder in bf16; odd numbers of elements where the format allows them.
fn model_folder(place: &Path) {
    let config = json!({
        "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 65,
        "rms_norm_eps": 1e-6, "rope_theta": 1e6, "max_position_embeddings": 64, "tie_word_embeddings": true,
        "hidden_act": "silu"
    });
    std::fs::write(place.join("config.json"), config.to_string()).unwrap();
    std::fs::write(place.join("tokenizer.json"), "{}").unwrap();
    let config = ModelConfig::from_dir(place).unwrap();
    let norm = |name: &str| (format!("model.{name}.weight"), vec![64]);
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![65, 64])];
    shapes.extend([
        norm("norm"),
        norm("layers.0.input_layernorm"),
        norm("layers.0.post_attention_layernorm"),
    ]);
    for kind in LinearKind::ALL {
        let shape = config.linear_shape(kind).to_vec();
        if config.linear_bias(kind) {
            shapes.push((format!("{}.bias", kind.module_name(0)), vec![shape[0]]));
        }
        shapes.push((format!("{}.weight", kind.module_name(0)), shape));
    }
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = shapes
        .into_iter()
        .enumerate()
        .map(|(index, (name, shape))| {
            let count: usize = shape.iter().product();
            let values = (0..count).map(|i| ((i * 37 + index * 11) % 1013) as f32 / 997.0 - 0.5);
            (name, shape, values.flat_map(|value| bf16::from_f32(value).to_le_bytes()).collect())
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, data)| {
        (name.as_str(), TensorView::new(Dtype::BF16, shape.clone(), data).unwrap())
    });
    std::fs::write(place.join("model.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();
}

fn load(folder: &Path) -> BaseModel {
    BaseModel::load(folder, &LoadOptions { weights: WeightFormat::Nf4, compute: Compute::F32 }).unwrap()
}

#[test]
fn it_reads_back_to_the_model_that_loading_quantises() {
    let place = tempfile::tempdir().unwrap();
    model_folder(place.path());
    let (single, split) = (place.path().join("single"), place.path().join("split"));
    let report = quantise_checkpoint(place.path(), &single, CodeRule::Cuda).unwrap();
    assert_eq!((report.linears, report.files), (7, 1));
    // The fingerprint covers the config and every frozen byte.
    assert_eq!(load(&single).fingerprint(), load(place.path()).fingerprint());
    let config: Value = serde_json::from_slice(&std::fs::read(single.join("config.json")).unwrap()).unwrap();
    assert_eq!(config["quantization_config"]["bnb_4bit_compute_dtype"], "bfloat16");
    assert_eq!(config["torch_dtype"], "bfloat16");
    assert!(single.join("tokenizer.json").exists());

    let wanted = Wanted { rule: CodeRule::Cuda, shard_bytes: 9_000, adapter: None };
    let sharded = quantise_as(wanted, place.path(), &split, |_, _| Ok(Vec::new())).unwrap();
    assert!(sharded.files > 2 && sharded.bytes_after == report.bytes_after);
    assert_eq!(load(&split).fingerprint(), load(&single).fingerprint());
    let bytes = std::fs::read(single.join("model.safetensors")).unwrap();
    let whole = SafeTensors::deserialize(&bytes).unwrap();
    let index: Value =
        serde_json::from_slice(&std::fs::read(split.join("model.safetensors.index.json")).unwrap()).unwrap();
    let map = index["weight_map"].as_object().unwrap();
    assert_eq!(
        (map.len(), index["metadata"]["total_size"].as_u64()),
        (whole.len(), Some(report.bytes_after))
    );
    for (name, file) in map {
        let bytes = std::fs::read(split.join(file.as_str().unwrap())).unwrap();
        let shard = SafeTensors::deserialize(&bytes).unwrap();
        let (ours, theirs) = (shard.tensor(name).unwrap(), whole.tensor(name).unwrap());
        assert_eq!(
            (ours.data(), ours.shape(), ours.dtype()),
            (theirs.data(), theirs.shape(), theirs.dtype())
        );
        // torch views the bytes in place, so they must be aligned.
        let offset = ours.data().as_ptr() as usize - bytes.as_ptr() as usize;
        assert!(offset.is_multiple_of(ours.dtype().bitsize() / 8), "{name} at {offset}");
    }
}

#[test]
fn failures_leave_nothing_behind_and_say_why() {
    let place = tempfile::tempdir().unwrap();
    model_folder(place.path());
    let (out, again) = (place.path().join("out"), place.path().join("again"));
    quantise_checkpoint(place.path(), &out, CodeRule::Cuda).unwrap();
    let error = quantise_checkpoint(&out, &again, CodeRule::Cuda).unwrap_err();
    assert!(
        matches!(error, ModelError::Unsupported { .. }) && error.to_string().contains("already"),
        "{error}"
    );
    let error = quantise_checkpoint(place.path(), &out, CodeRule::Cuda).unwrap_err();
    assert!(error.to_string().contains("not empty"), "{error}");

    let path = place.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let entries = || std::fs::read_dir(place.path()).unwrap().count();
    let before = entries();
    let file = SafeTensors::deserialize(&whole).unwrap();
    let name = "model.layers.0.mlp.up_proj.weight";
    let mut bad = file.tensor(name).unwrap().data().to_vec();
    bad[10..12].copy_from_slice(&bf16::INFINITY.to_le_bytes());
    let replaced = TensorView::new(Dtype::BF16, vec![128, 64], &bad).unwrap();
    let views = file.iter().filter(|(other, _)| *other != name).chain([(name, replaced)]);
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    let error = quantise_checkpoint(place.path(), &again, CodeRule::Cuda).unwrap_err();
    assert!(error.to_string().contains("up_proj") && error.to_string().contains("element 5"), "{error}");
    let views = file.iter().filter(|(other, _)| *other != name);
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    let error = quantise_checkpoint(place.path(), &again, CodeRule::Cuda).unwrap_err();
    assert!(matches!(error, ModelError::MissingTensor { .. }), "{error}");
    assert_eq!(entries(), before);
}

#[test]
fn a_merged_model_is_quantised_as_its_bf16_folder_would_be() {
    let place = tempfile::tempdir().unwrap();
    model_folder(place.path());
    let config = ModelConfig::from_dir(place.path()).unwrap();
    let mut adapter = Adapter::init(&config, &LoraSettings::all_linear(4, 6.0), 5).unwrap();
    for matrix in adapter.matrices_mut() {
        for (i, value) in matrix.iter_mut().enumerate() {
            *value = (i * 31 % 101) as f32 / 404.0 - 0.1;
        }
    }
    let folder = |name: &str| place.path().join(name);
    crate::export_merged(place.path(), &adapter, &folder("merged")).unwrap();
    quantise_checkpoint(&folder("merged"), &folder("wanted"), CodeRule::Cuda).unwrap();
    let mut known = Difference::default();
    quantise_merged(place.path(), &adapter, &folder("out"), |_, difference| {
        known = *difference;
        Ok(vec![("README.md", b"card".to_vec())])
    })
    .unwrap();
    let bytes = |name: &str| std::fs::read(folder(name).join("model.safetensors")).unwrap();
    assert!(bytes("out") == bytes("wanted"));
    assert_eq!(std::fs::read(folder("out").join("README.md")).unwrap(), b"card");
    // All seven linears; NF4 keeps a weight of a block within an eighth or so of its largest.
    assert_eq!(known.values(), 64 * 64 * 2 + 32 * 64 * 2 + 3 * 128 * 64);
    assert!(known.mean() > 0.0 && known.mean() < 0.2 * known.mean_weight(), "{known:?}");
    assert!(known.largest() >= known.mean());
    // Nothing is added by a fresh adapter: the base's own folder.
    let nothing = Adapter::init(&config, &LoraSettings::all_linear(2, 2.0), 1).unwrap();
    quantise_merged(place.path(), &nothing, &folder("nothing"), |_, _| Ok(Vec::new())).unwrap();
    quantise_checkpoint(place.path(), &folder("base"), CodeRule::Cuda).unwrap();
    assert!(bytes("nothing") == bytes("base"));
}
