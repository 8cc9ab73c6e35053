//! Adapters as the folders that PEFT, vLLM and transformers load: `adapter_config.json` beside
//! `adapter_model.safetensors`. Called by the coordinator's export and by whoever starts from an adapter.
//!
//! Invariants: the folder is written as a whole or not at all; keys, names, shapes and type are those of PEFT
//! 0.21; what this crate does not compute is refused by name, never loaded approximately.

mod names;
mod read;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;

use safetensors::SafeTensors;
use serde_json::{Value, json};

use self::names::{CONFIG_FILE, TENSOR_FILE};
use super::{Adapter, LoraSettings};
use crate::error::{ModelError, Result};
use crate::staging::StagedFolder;

pub use self::read::load_peft;

/// Writes an adapter as a PEFT folder. `folder` must not exist or must be empty.
///
/// `base_model_name` is what PEFT looks up when it is not given a model: a folder or a hub name.
///
/// # Errors
/// [`ModelError::Io`] when the folder is taken or cannot be written; nothing is left behind then.
pub fn save_peft(adapter: &Adapter, folder: &Path, base_model_name: &str) -> Result<()> {
    save_peft_with(adapter, folder, base_model_name, &[])
}

/// As [`save_peft`], with further files (name and bytes) in the folder, such as a README.md.
///
/// # Errors
/// As [`save_peft`].
pub fn save_peft_with(
    adapter: &Adapter,
    folder: &Path,
    base_model_name: &str,
    files: &[(&str, &[u8])],
) -> Result<()> {
    let staged = StagedFolder::create(folder)?;
    let config = config_json(adapter.settings(), base_model_name);
    let text = serde_json::to_string_pretty(&config)
        .map_err(|error| ModelError::Internal { reason: error.to_string() })?;
    staged.write(CONFIG_FILE, text.as_bytes())?;
    staged.write(TENSOR_FILE, &with_format(&adapter.to_safetensors()?)?)?;
    for (name, bytes) in files {
        staged.write(name, bytes)?;
    }
    staged.commit()
}

/// The same tensors with the metadata that transformers expects of a PyTorch file.
fn with_format(bytes: &[u8]) -> Result<Vec<u8>> {
    let internal = |error: safetensors::SafeTensorError| ModelError::Internal { reason: error.to_string() };
    let tensors = SafeTensors::deserialize(bytes).map_err(internal)?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(tensors.tensors(), Some(metadata)).map_err(internal)
}

/// All keys that PEFT 0.21 writes for a LoRA of a causal language model, in its order (sorted).
fn config_json(settings: &LoraSettings, base_model_name: &str) -> Value {
    // PEFT writes a whole alpha as an integer; vLLM reads either.
    let whole = settings.alpha.fract() == 0.0 && settings.alpha.abs() < 1e9;
    let alpha = if whole { json!(settings.alpha as i64) } else { json!(settings.alpha) };
    json!({
        "alora_invocation_tokens": null,
        "alpha_pattern": {},
        "arrow_config": null,
        "auto_mapping": null,
        "base_model_name_or_path": base_model_name,
        "bias": "none",
        "corda_config": null,
        "ensure_weight_tying": false,
        "eva_config": null,
        "exclude_modules": null,
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "kasa_config": null,
        "layer_replication": null,
        "layers_pattern": null,
        "layers_to_transform": null,
        "loftq_config": {},
        "lora_alpha": alpha,
        "lora_bias": false,
        "lora_dropout": settings.dropout,
        "lora_ga_config": null,
        "megatron_config": null,
        "megatron_core": "megatron.core",
        "modules_to_save": null,
        "monteclora_config": null,
        "peft_type": "LORA",
        "peft_version": "0.21.2",
        "qalora_group_size": 16,
        "r": settings.rank,
        "rank_pattern": {},
        "revision": null,
        "target_modules": settings.target_modules,
        "target_parameters": null,
        "task_type": "CAUSAL_LM",
        "trainable_token_indices": null,
        "use_bdlora": null,
        "use_dora": false,
        "use_qalora": false,
        "use_rslora": settings.use_rslora,
        "velora_config": null,
    })
}
