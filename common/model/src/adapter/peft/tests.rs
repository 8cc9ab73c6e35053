//! Tests of PEFT folders: against those PEFT itself wrote (golden), round trips, and refusals by reason.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use super::*;
use crate::config::ModelConfig;

fn golden() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let folder = std::env::var_os("GOLDEN_DIR").map_or(shared, PathBuf::from);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there", folder.display());
    None
}

/// A model small enough to write its adapter in a blink, in a folder of its own.
fn tiny() -> (tempfile::TempDir, ModelConfig) {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({
        "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_size": 64, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 64,
        "rms_norm_eps": 1e-6, "rope_theta": 1e6, "max_position_embeddings": 64, "tie_word_embeddings": true,
        "hidden_act": "silu"
    });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let config = ModelConfig::from_dir(folder.path()).unwrap();
    (folder, config)
}

fn keys_shapes_types(folder: &Path) -> Vec<(String, Vec<usize>, Dtype)> {
    let bytes = std::fs::read(folder.join(TENSOR_FILE)).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap().get("format").unwrap(), "pt");
    let mut tensors: Vec<_> =
        metadata.tensors().into_iter().map(|(name, info)| (name, info.shape.clone(), info.dtype)).collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    tensors
}

fn config_of(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(CONFIG_FILE)).unwrap()).unwrap()
}

#[test]
fn folders_are_those_peft_writes() {
    let Some(golden) = golden() else { return };
    for architecture in ["qwen2", "qwen2-untied", "qwen3", "llama3"] {
        let theirs = golden.join(architecture).join("adapter-init");
        let model = ModelConfig::from_dir(&golden.join(architecture).join("model")).unwrap();
        let adapter = load_peft(&theirs, &model).unwrap();
        let place = tempfile::tempdir().unwrap();
        let ours = place.path().join("adapter");
        save_peft(&adapter, &ours, "base").unwrap();
        assert_eq!(keys_shapes_types(&ours), keys_shapes_types(&theirs), "{architecture}");
        assert_eq!(load_peft(&ours, &model).unwrap(), adapter, "{architecture}");
        let (mut our_config, mut their_config) = (config_of(&ours), config_of(&theirs));
        for config in [&mut our_config, &mut their_config] {
            let mut targets = config["target_modules"].as_array().unwrap().clone();
            targets.sort_by_key(Value::to_string);
            config["target_modules"] = targets.into();
            config["base_model_name_or_path"] = Value::Null;
        }
        assert_eq!(our_config, their_config, "{architecture}");
    }
}

#[test]
fn an_adapter_survives_its_folder() {
    let (place, model) = tiny();
    for settings in [
        LoraSettings::all_linear(4, 8.0),
        LoraSettings {
            rank: 2,
            alpha: 0.5,
            dropout: 0.1,
            target_modules: vec!["q_proj".to_owned(), "down_proj".to_owned()],
            use_rslora: true,
        },
    ] {
        let adapter = Adapter::init(&model, &settings, 3).unwrap();
        let folder = place.path().join(format!("adapter-{}", settings.rank));
        save_peft(&adapter, &folder, "some/model").unwrap();
        assert_eq!(config_of(&folder)["base_model_name_or_path"], "some/model");
        assert_eq!(load_peft(&folder, &model).unwrap(), adapter);
        // A second export must not overwrite the first.
        assert!(matches!(save_peft(&adapter, &folder, "x"), Err(ModelError::Io { .. })));
        assert_eq!(load_peft(&folder, &model).unwrap(), adapter);
    }
}

#[test]
fn half_precision_and_rslora_are_read() {
    let (place, model) = tiny();
    let adapter = Adapter::init(&model, &LoraSettings::all_linear(4, 8.0), 3).unwrap();
    let folder = place.path().join("adapter");
    save_peft(&adapter, &folder, "x").unwrap();
    let bytes = std::fs::read(folder.join(TENSOR_FILE)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for (dtype, to_bytes) in [
        (Dtype::F16, (|value| half::f16::from_f32(value).to_le_bytes()) as fn(f32) -> [u8; 2]),
        (Dtype::BF16, |value| half::bf16::from_f32(value).to_le_bytes()),
    ] {
        let narrow: Vec<(String, Vec<usize>, Vec<u8>)> = file
            .iter()
            .map(|(name, view)| {
                let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
                (name.to_owned(), view.shape().to_vec(), values.flat_map(to_bytes).collect())
            })
            .collect();
        let views = narrow.iter().map(|(name, shape, data)| {
            (name.as_str(), safetensors::tensor::TensorView::new(dtype, shape.clone(), data).unwrap())
        });
        std::fs::write(folder.join(TENSOR_FILE), safetensors::serialize(views, None).unwrap()).unwrap();
        let read = load_peft(&folder, &model).unwrap();
        for ((_, _, ours), (_, _, theirs)) in adapter.pairs().zip(read.pairs()) {
            assert!(ours.a.iter().zip(&theirs.a).all(|(a, b)| (a - b).abs() <= a.abs() / 128.0));
        }
    }
    let mut config = config_of(&folder);
    config["use_rslora"] = json!(true);
    std::fs::write(folder.join(CONFIG_FILE), config.to_string()).unwrap();
    // alpha / sqrt(r) = 8 / 2
    assert!((load_peft(&folder, &model).unwrap().scaling() - 4.0).abs() < 1e-6);
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    let (place, model) = tiny();
    let adapter = Adapter::init(&model, &LoraSettings::all_linear(4, 8.0), 3).unwrap();
    let folder = place.path().join("adapter");
    save_peft(&adapter, &folder, "x").unwrap();
    let good = config_of(&folder);
    for (key, value, expected) in [
        ("use_dora", json!(true), "DoRA"),
        ("rank_pattern", json!({"q_proj": 2}), "rank_pattern"),
        ("alpha_pattern", json!({"q_proj": 2}), "alpha_pattern"),
        ("modules_to_save", json!(["embed_tokens"]), "modules_to_save"),
        ("bias", json!("all"), "bias"),
        ("lora_bias", json!(true), "lora_bias"),
        ("layers_to_transform", json!([0]), "layers_to_transform"),
        ("init_lora_weights", json!("pissa"), "pissa"),
        ("peft_type", json!("IA3"), "IA3"),
        ("target_modules", json!("q_.*"), "pattern"),
        ("target_modules", json!(["lm_head"]), "lm_head"),
        ("r", json!("four"), "r is missing"),
        ("r", json!(0), "rank cannot be used"),
        ("r", json!(2), "lora_A.weight has shape"),
        ("target_modules", json!(["q_proj"]), "is not expected"),
    ] {
        let mut config = good.clone();
        config[key] = value;
        std::fs::write(folder.join(CONFIG_FILE), config.to_string()).unwrap();
        let error = load_peft(&folder, &model).unwrap_err();
        assert!(error.to_string().contains(expected), "{key}: {error}");
        assert!(error.is_user_error() && error.hint().is_some());
    }
    std::fs::write(folder.join(CONFIG_FILE), "[]").unwrap();
    assert!(matches!(load_peft(&folder, &model), Err(ModelError::Config { .. })));
}

#[test]
fn missing_truncated_and_oversized_tensor_files_are_refused() {
    let (place, model) = tiny();
    let q_only =
        LoraSettings { target_modules: vec!["q_proj".to_owned()], ..LoraSettings::all_linear(4, 8.0) };
    let folder = place.path().join("adapter");
    save_peft(&Adapter::init(&model, &q_only, 3).unwrap(), &folder, "x").unwrap();
    let path = folder.join(TENSOR_FILE);
    let bytes = std::fs::read(&path).unwrap();

    let mut config = config_of(&folder);
    config["target_modules"] = json!("all-linear");
    let narrow = std::fs::read(folder.join(CONFIG_FILE)).unwrap();
    std::fs::write(folder.join(CONFIG_FILE), config.to_string()).unwrap();
    let error = load_peft(&folder, &model).unwrap_err();
    assert!(error.to_string().contains("is missing"), "{error}");

    std::fs::write(folder.join(CONFIG_FILE), narrow).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    assert!(matches!(load_peft(&folder, &model), Err(ModelError::Adapter { .. })));
    std::fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let error = load_peft(&folder, &model).unwrap_err();
    assert!(error.to_string().contains("bytes"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(load_peft(&folder, &model), Err(ModelError::Io { .. })));
}
