//! Initialisation, byte determinism and strictness of adapters.

use std::path::Path;

use super::*;
use crate::ModelError;
use crate::config::ModelConfig;

fn config() -> ModelConfig {
    let text = r#"{"model_type":"llama","hidden_size":32,"intermediate_size":48,"num_hidden_layers":11,
        "num_attention_heads":4,"num_key_value_heads":2,"vocab_size":64}"#;
    ModelConfig::from_json(text.as_bytes(), Path::new("config.json")).unwrap()
}

#[test]
fn round_trip_keeps_bytes_and_values() {
    let (config, settings) = (config(), LoraSettings::all_linear(4, 8.0));
    let adapter = Adapter::init(&config, &settings, 7).unwrap();
    let bytes = adapter.to_safetensors().unwrap();
    let again = Adapter::from_safetensors(&bytes, &config, &settings).unwrap();
    assert_eq!(again, adapter);
    assert_eq!(again.to_safetensors().unwrap(), bytes);
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut names: Vec<String> = file.names().iter().map(|name| (*name).to_string()).collect();
    names.sort();
    assert_eq!(
        names,
        tensor_shapes(&config, &settings).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
}

#[test]
fn initial_values_are_kaiming_uniform_and_keyed_by_seed_and_module() {
    let (config, settings) = (config(), LoraSettings::all_linear(16, 32.0));
    let adapter = Adapter::init(&config, &settings, 7).unwrap();
    let bound = 1.0 / 32.0_f32.sqrt();
    let mut all = Vec::new();
    for (_, kind, pair) in adapter.pairs() {
        assert!(pair.b.iter().all(|value| *value == 0.0));
        if kind != LinearKind::Down {
            all.extend_from_slice(&pair.a);
        }
    }
    let count = all.len() as f32;
    let mean = all.iter().sum::<f32>() / count;
    let variance = all.iter().map(|value| value * value).sum::<f32>() / count;
    assert!(all.iter().all(|value| value.abs() <= bound));
    assert!(
        mean.abs() < 0.01 * bound && (variance / (bound * bound / 3.0) - 1.0).abs() < 0.02,
        "{mean} {variance}"
    );
    assert_ne!(Adapter::init(&config, &settings, 8).unwrap(), adapter);
    assert_ne!(adapter.pair(0, LinearKind::Key).unwrap().a, adapter.pair(0, LinearKind::Value).unwrap().a);
    let mut fewer = settings;
    fewer.target_modules = vec!["v_proj".to_owned()];
    let small = Adapter::init(&config, &fewer, 7).unwrap();
    assert_eq!(small.pair(3, LinearKind::Value), adapter.pair(3, LinearKind::Value));
    assert!(small.pair(3, LinearKind::Key).is_none());
}

#[test]
fn foreign_truncated_and_infinite_adapters_are_refused() {
    let (config, settings) = (config(), LoraSettings::all_linear(4, 8.0));
    let mut adapter = Adapter::init(&config, &settings, 7).unwrap();
    let bytes = adapter.to_safetensors().unwrap();
    let refused = |bytes: &[u8], settings: &LoraSettings, what: &str| {
        let error = Adapter::from_safetensors(bytes, &config, settings).unwrap_err();
        assert!(matches!(error, ModelError::Adapter { .. }) && error.to_string().contains(what), "{error}");
    };
    refused(&bytes[..bytes.len() - 1], &settings, "safetensors");
    refused(&bytes, &LoraSettings::all_linear(8, 8.0), "shape");
    let mut fewer = settings.clone();
    fewer.target_modules.retain(|name| name != "down_proj");
    refused(&bytes, &fewer, "not expected");
    adapter.layers[10][0].as_mut().unwrap().a[5] = f32::NAN;
    refused(&adapter.to_safetensors().unwrap(), &settings, "layers.10.self_attn.q_proj.lora_A");
    assert!(LoraSettings::all_linear(0, 8.0).validate().is_err());
}
