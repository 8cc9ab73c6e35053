//! Reads a PEFT folder, or says by name what in it is not supported. Called by `adapter::peft`.
//! Invariant: an adapter that is returned gives the logits PEFT would give; every option that changes the
//! arithmetic and is not implemented here is an error.

use std::path::Path;

use serde_json::Value;

use super::names::{CONFIG_FILE, TENSOR_FILE};
use crate::adapter::{Adapter, LoraSettings, tensor_shapes};
use crate::bounded;
use crate::config::{LinearKind, ModelConfig};
use crate::error::{ModelError, Result};
use crate::limits;

/// Reads a PEFT folder for a model of this shape; tensors may be f32, f16 or bf16 and are widened to f32.
///
/// # Errors
/// [`ModelError::Io`] for missing files, [`ModelError::Config`] for a file that is no PEFT configuration,
/// [`ModelError::Unsupported`] naming the option this crate does not compute, [`ModelError::Adapter`] for
/// tensors that are missing, too many, or of another shape than the model's.
pub fn load_peft(folder: &Path, model: &ModelConfig) -> Result<Adapter> {
    let path = folder.join(CONFIG_FILE);
    let bytes = bounded::read(&path, limits::JSON_BYTES_MAX)?;
    let fault = |reason: String| ModelError::Config { path: path.clone(), reason };
    let config: Value = serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
    if !config.is_object() {
        return Err(fault("it is not a JSON object".to_owned()));
    }
    refuse_unsupported(&config)?;
    let settings = settings(&config).map_err(fault)?;
    settings.validate()?;
    let expected: u64 = tensor_shapes(model, &settings)
        .iter()
        .map(|(_, [rows, columns])| (*rows as u64) * (*columns as u64) * 4)
        .sum();
    let tensors = folder.join(TENSOR_FILE);
    // Header and metadata of any adapter fit in the JSON limit; more bytes than that belong to no expected
    // tensor.
    let bytes = bounded::read(&tensors, expected + limits::JSON_BYTES_MAX)?;
    Adapter::from_safetensors(&bytes, model, &settings)
}

fn settings(config: &Value) -> std::result::Result<LoraSettings, String> {
    let rank = config.get("r").and_then(Value::as_u64).ok_or("r is missing or not a whole number")?;
    let rank = usize::try_from(rank).map_err(|_| "r is too large")?;
    let alpha =
        config.get("lora_alpha").and_then(Value::as_f64).ok_or("lora_alpha is missing or no number")?;
    let dropout = match config.get("lora_dropout") {
        None | Some(Value::Null) => 0.0,
        Some(value) => value.as_f64().ok_or("lora_dropout is not a number")?,
    };
    let use_rslora = is_true(config, "use_rslora");
    Ok(LoraSettings { rank, alpha, dropout, target_modules: target_modules(config)?, use_rslora })
}

/// Short names in forward order, whatever the order in the file (PEFT writes a set).
fn target_modules(config: &Value) -> std::result::Result<Vec<String>, String> {
    let wanted: Vec<&str> = match config.get("target_modules") {
        Some(Value::String(all)) if all == "all-linear" => {
            LinearKind::ALL.iter().map(|kind| kind.short_name()).collect()
        }
        Some(Value::Array(names)) => names
            .iter()
            .map(|name| name.as_str().ok_or("target_modules holds something that is not a name"))
            .collect::<std::result::Result<_, _>>()?,
        Some(Value::String(_)) => {
            return Err("target_modules is a pattern; only a list is understood".to_owned());
        }
        _ => return Err("target_modules is missing".to_owned()),
    };
    if let Some(unknown) = wanted.iter().find(|name| LinearKind::from_short_name(name).is_none()) {
        return Err(format!("target_modules names {unknown:?}, which is not a linear of a decoder layer"));
    }
    let targets = LinearKind::ALL.iter().map(|kind| kind.short_name());
    Ok(targets.filter(|name| wanted.contains(name)).map(str::to_owned).collect())
}

fn is_true(config: &Value, key: &str) -> bool {
    config.get(key).is_some_and(|value| value.as_bool() == Some(true))
}

/// Every option of PEFT's LoraConfig that changes what the adapter computes and that this crate does not
/// have.
fn refuse_unsupported(config: &Value) -> Result<()> {
    match config.get("peft_type").and_then(Value::as_str) {
        Some("LORA") => {}
        other => return Err(unsupported(&format!("a PEFT adapter of type {}", other.unwrap_or("(none)")))),
    }
    for (key, name) in [
        ("use_dora", "DoRA (use_dora)"),
        ("use_qalora", "QALoRA (use_qalora)"),
        ("lora_bias", "a bias in the LoRA layers (lora_bias)"),
        ("fan_in_fan_out", "transposed weights (fan_in_fan_out)"),
    ] {
        if is_true(config, key) {
            return Err(unsupported(name));
        }
    }
    for (key, name) in [
        ("rank_pattern", "a rank per module (rank_pattern)"),
        ("alpha_pattern", "an alpha per module (alpha_pattern)"),
        ("modules_to_save", "fully trained modules (modules_to_save)"),
        ("layers_to_transform", "an adapter on some layers only (layers_to_transform)"),
        ("layer_replication", "replicated layers (layer_replication)"),
        ("exclude_modules", "excluded modules (exclude_modules)"),
        ("target_parameters", "adapted parameters (target_parameters)"),
        ("trainable_token_indices", "trained tokens (trainable_token_indices)"),
        ("alora_invocation_tokens", "activated LoRA (alora_invocation_tokens)"),
        ("arrow_config", "Arrow routing (arrow_config)"),
        ("kasa_config", "KaSA (kasa_config)"),
        ("monteclora_config", "MonteCLoRA (monteclora_config)"),
        ("use_bdlora", "block-diagonal LoRA (use_bdlora)"),
        ("velora_config", "VeLoRA (velora_config)"),
    ] {
        if config.get(key).is_some_and(|value| !is_empty(value)) {
            return Err(unsupported(name));
        }
    }
    match config.get("bias") {
        None => {}
        Some(Value::String(bias)) if bias == "none" => {}
        Some(other) => return Err(unsupported(&format!("trained biases (bias {other})"))),
    }
    // These initialisations move part of the base weights into the adapter: it fits only the changed base.
    match config.get("init_lora_weights").and_then(Value::as_str) {
        Some(kind) if !matches!(kind, "gaussian" | "eva" | "orthogonal") => {
            Err(unsupported(&format!("an adapter that changed its base model (init_lora_weights {kind:?})")))
        }
        _ => Ok(()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

fn unsupported(what: &str) -> ModelError {
    ModelError::Unsupported {
        what: what.to_owned(),
        hint: "use a plain LoRA adapter with one rank and one alpha for all modules".to_owned(),
    }
}
