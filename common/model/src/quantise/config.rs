//! `config.json` of the quantised folder: the model's own, with `quantization_config` as transformers 5.23
//! writes it; and which type the weights have. Called by `quantise`. Invariant: everything else in the file
//! stays as it is.

use std::path::Path;

use safetensors::Dtype;
use serde_json::{Value, json};

use crate::bounded;
use crate::checkpoint::CheckpointReader;
use crate::error::{ModelError, Result};
use crate::limits::JSON_BYTES_MAX;
use crate::nf4::SourcePrecision;

/// What dequantisation will round to.
pub(super) fn source_precision(reader: &CheckpointReader, name: &str) -> Result<SourcePrecision> {
    match reader.entry(name).map(|entry| entry.dtype) {
        Some(Dtype::BF16) => Ok(SourcePrecision::Bf16),
        Some(Dtype::F16) => Ok(SourcePrecision::F16),
        // Another type is refused, by name, when it is read.
        Some(_) | None => Ok(SourcePrecision::F32),
    }
}

/// torch's name of a type.
pub(super) const fn torch_name(precision: SourcePrecision) -> &'static str {
    match precision {
        SourcePrecision::F32 => "float32",
        SourcePrecision::Bf16 => "bfloat16",
        SourcePrecision::F16 => "float16",
    }
}

/// The text of the new file; products are computed in the type that the weights had.
pub(super) fn with_quantisation(model_folder: &Path, precision: SourcePrecision) -> Result<String> {
    let path = model_folder.join("config.json");
    let text = bounded::read(&path, JSON_BYTES_MAX)?;
    let fault = |reason: String| ModelError::Config { path: path.clone(), reason };
    let mut config: Value = serde_json::from_slice(&text).map_err(|error| fault(error.to_string()))?;
    let Some(entries) = config.as_object_mut() else {
        return Err(fault("it is not a JSON object".to_owned()));
    };
    if entries.contains_key("quantization_config") {
        return Err(ModelError::Unsupported {
            what: "quantising a model whose config.json already has a quantization_config".to_owned(),
            hint: "use the folder with the model's original weights".to_owned(),
        });
    }
    if !entries.contains_key("dtype") && !entries.contains_key("torch_dtype") {
        // Else transformers takes f32 for what is not quantised.
        entries.insert("torch_dtype".to_owned(), json!(torch_name(precision)));
    }
    entries.insert(
        "quantization_config".to_owned(),
        json!({
            "_load_in_4bit": true,
            "_load_in_8bit": false,
            "bnb_4bit_compute_dtype": torch_name(precision),
            "bnb_4bit_quant_storage": "uint8",
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": true,
            "llm_int8_enable_fp32_cpu_offload": false,
            "llm_int8_has_fp16_weight": false,
            "llm_int8_skip_modules": null,
            "llm_int8_threshold": 6.0,
            "load_in_4bit": true,
            "load_in_8bit": false,
            "quant_method": "bitsandbytes",
        }),
    );
    serde_json::to_string_pretty(&config).map_err(|error| ModelError::Internal { reason: error.to_string() })
}
