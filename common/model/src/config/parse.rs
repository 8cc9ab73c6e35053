//! Reads `config.json` in its old and new spellings and refuses, by name, what the decoder does not compute.
//! Called by [`super::ModelConfig::from_dir`]. Invariant: every number that leaves here is within
//! `limits.rs`.

use std::path::Path;

use serde::Deserialize;

use super::{Architecture, ModelConfig, Rope, RopeScaling};
use crate::bounded;
use crate::error::{ModelError, Result};
use crate::limits::{JSON_BYTES_MAX, LAYERS_MAX, SEQUENCE_TOKENS_MAX, VOCABULARY_MAX, WIDTH_MAX};

/// The fields that matter; everything else in the file is ignored, as transformers does.
#[derive(Deserialize)]
struct RawConfig {
    model_type: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    rms_norm_eps: Option<f64>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    hidden_act: Option<String>,
    max_position_embeddings: Option<usize>,
    sliding_window: Option<u64>,
    use_sliding_window: Option<bool>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    rope_theta: Option<f64>,
    rope_scaling: Option<RawRope>,
    rope_parameters: Option<RawRope>,
    quantization_config: Option<RawQuantization>,
}

/// Which quantisation the checkpoint was saved in; its details are beside each tensor.
#[derive(Deserialize)]
struct RawQuantization {
    quant_method: Option<String>,
}

/// `rope_scaling` (old) and `rope_parameters` (transformers 5) in one.
#[derive(Deserialize, Default, PartialEq)]
struct RawRope {
    rope_theta: Option<f64>,
    rope_type: Option<String>,
    #[serde(rename = "type")]
    old_type: Option<String>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
}

impl ModelConfig {
    /// Reads `config.json` in a Hugging Face model folder.
    ///
    /// # Errors
    /// [`crate::ModelError::Io`] when it cannot be read, `Config` when it is malformed, `Unsupported` when it
    /// asks for an architecture, rope type, activation, bias or sliding window that is not implemented.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        from_dir(dir)
    }

    /// Reads the text of a `config.json`; `path` is used in messages only.
    ///
    /// # Errors
    /// As [`ModelConfig::from_dir`].
    pub fn from_json(text: &[u8], path: &Path) -> Result<Self> {
        from_json(text, path)
    }
}

fn from_dir(dir: &Path) -> Result<ModelConfig> {
    let path = dir.join("config.json");
    let text = bounded::read(&path, JSON_BYTES_MAX)?;
    from_json(&text, &path)
}

fn from_json(text: &[u8], path: &Path) -> Result<ModelConfig> {
    // The family comes first: a config of another family lacks fields, and "missing field" would mislead.
    #[derive(Deserialize)]
    struct Family {
        model_type: Option<String>,
    }
    let family: Family = serde_json::from_slice(text).map_err(|error| bad(path, error.to_string()))?;
    let Some(model_type) = family.model_type else {
        return Err(bad(path, "it has no model_type".to_owned()));
    };
    let architecture = match model_type.as_str() {
        "qwen2" => Architecture::Qwen2,
        "qwen3" => Architecture::Qwen3,
        "llama" => Architecture::Llama,
        other => {
            return Err(ModelError::Unsupported {
                what: format!("the architecture {other:?} ({})", path.display()),
                hint: "use a Qwen2, Qwen2.5, Qwen3 or Llama 3 model".to_owned(),
            });
        }
    };
    let raw: RawConfig = serde_json::from_slice(text).map_err(|error| bad(path, error.to_string()))?;
    refuse_unsupported(&raw)?;
    let config = build(architecture, &raw)?;
    require_sensible_sizes(&config, path)?;
    Ok(config)
}

fn build(architecture: Architecture, raw: &RawConfig) -> Result<ModelConfig> {
    debug_assert!(!raw.model_type.is_empty());
    let heads = raw.num_attention_heads;
    let default_eps = if architecture == Architecture::Llama { 1e-5 } else { 1e-6 };
    // Qwen3Config's default head_dim is 128, not hidden / heads.
    let implied_head_dim = if architecture == Architecture::Qwen3 {
        128
    } else {
        raw.hidden_size.checked_div(heads).unwrap_or(0)
    };
    Ok(ModelConfig {
        architecture,
        hidden_size: raw.hidden_size,
        intermediate_size: raw.intermediate_size,
        num_layers: raw.num_hidden_layers,
        num_attention_heads: heads,
        num_key_value_heads: raw.num_key_value_heads.unwrap_or(heads),
        head_dim: raw.head_dim.unwrap_or(implied_head_dim),
        vocab_size: raw.vocab_size,
        rms_norm_eps: raw.rms_norm_eps.unwrap_or(default_eps),
        tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(false),
        qkv_bias: architecture == Architecture::Qwen2,
        query_key_norm: architecture == Architecture::Qwen3,
        max_position_embeddings: raw.max_position_embeddings.unwrap_or(32_768),
        rope: rope(raw)?,
    })
}

impl RawRope {
    fn kind(&self) -> &str {
        self.rope_type.as_deref().or(self.old_type.as_deref()).unwrap_or("default")
    }

    /// What alters the frequencies, without their base.
    fn scaling(&self) -> [Option<f64>; 4] {
        [self.factor, self.low_freq_factor, self.high_freq_factor, self.original_max_position_embeddings]
    }
}

/// The one set of settings, wherever it stands. Two that differ are refused: transformers 4 reads the old
/// spelling alone, transformers 5 lets it win or lose by version.
fn rope(raw: &RawConfig) -> Result<Rope> {
    let empty = RawRope::default();
    // An empty object counts as absent there.
    let given = |rope: &'_ Option<RawRope>| rope.as_ref().is_some_and(|rope| *rope != empty);
    let two = raw.rope_parameters.as_ref().zip(raw.rope_scaling.as_ref());
    if let Some((new, old)) = two.filter(|(new, old)| **new != empty && **old != empty)
        && (new.kind() != old.kind() || new.scaling() != old.scaling())
    {
        return Err(unsupported("a config.json whose rope_parameters and rope_scaling differ"));
    }
    let parameters = match (&raw.rope_parameters, &raw.rope_scaling) {
        (Some(new), _) if given(&raw.rope_parameters) => new,
        (_, Some(old)) => old,
        (Some(new), None) => new,
        (None, None) => &empty,
    };
    let inner = |rope: &Option<RawRope>| rope.as_ref().and_then(|rope| rope.rope_theta);
    let thetas = [inner(&raw.rope_parameters), inner(&raw.rope_scaling), raw.rope_theta];
    let theta = thetas.into_iter().flatten().next().unwrap_or(10_000.0);
    if thetas.into_iter().flatten().any(|other| other != theta) {
        return Err(unsupported("a config.json with two values of rope_theta"));
    }
    let kind = parameters.kind();
    let scaling = match kind {
        "default" => RopeScaling::Default,
        "llama3" => {
            let need = |value: Option<f64>, name: &str| {
                value
                    .filter(|v| v.is_finite() && *v > 0.0)
                    .ok_or_else(|| unsupported(&format!("rope_type llama3 without a positive {name}")))
            };
            RopeScaling::Llama3 {
                factor: need(parameters.factor, "factor")?,
                low_freq_factor: need(parameters.low_freq_factor, "low_freq_factor")?,
                high_freq_factor: need(parameters.high_freq_factor, "high_freq_factor")?,
                original_max_position_embeddings: need(
                    parameters.original_max_position_embeddings,
                    "original_max_position_embeddings",
                )?,
            }
        }
        other => return Err(unsupported(&format!("the rope type {other:?}"))),
    };
    Ok(Rope { theta, scaling })
}

fn refuse_unsupported(raw: &RawConfig) -> Result<()> {
    let activation = raw.hidden_act.as_deref().unwrap_or("silu");
    if activation != "silu" {
        return Err(unsupported(&format!("the activation {activation:?}")));
    }
    let quantisation = raw.quantization_config.as_ref().and_then(|config| config.quant_method.as_deref());
    if let Some(method) = quantisation.filter(|method| *method != "bitsandbytes") {
        return Err(ModelError::Unsupported {
            what: format!("a model quantised with {method}"),
            hint: "use the unquantised model, or one that bitsandbytes quantised to NF4".to_owned(),
        });
    }
    if raw.attention_bias == Some(true) {
        return Err(unsupported("attention_bias on all four attention projections"));
    }
    if raw.mlp_bias == Some(true) {
        return Err(unsupported("mlp_bias"));
    }
    // transformers writes sliding_window even where no layer uses it; what counts is whether a layer does.
    let used = match &raw.layer_types {
        Some(types) => {
            if let Some(other) = types.iter().find(|t| *t != "full_attention" && *t != "sliding_attention") {
                return Err(unsupported(&format!("the layer type {other:?}")));
            }
            types.iter().any(|t| t == "sliding_attention")
        }
        None => {
            raw.use_sliding_window == Some(true)
                && raw.sliding_window.is_some()
                && raw.max_window_layers.unwrap_or(0) < raw.num_hidden_layers
        }
    };
    if used {
        return Err(unsupported("sliding-window attention"));
    }
    Ok(())
}

fn require_sensible_sizes(config: &ModelConfig, path: &Path) -> Result<()> {
    let within = |name: &str, value: usize, most: usize| {
        if value == 0 || value > most {
            return Err(bad(path, format!("{name} is {value}; it must be between 1 and {most}")));
        }
        Ok(())
    };
    within("hidden_size", config.hidden_size, WIDTH_MAX)?;
    within("intermediate_size", config.intermediate_size, WIDTH_MAX)?;
    within("num_hidden_layers", config.num_layers, LAYERS_MAX)?;
    within("num_attention_heads", config.num_attention_heads, WIDTH_MAX)?;
    within("num_key_value_heads", config.num_key_value_heads, config.num_attention_heads)?;
    within("head_dim", config.head_dim, WIDTH_MAX)?;
    within("num_attention_heads * head_dim", config.num_attention_heads * config.head_dim, WIDTH_MAX)?;
    within("vocab_size", config.vocab_size, VOCABULARY_MAX)?;
    within("max_position_embeddings", config.max_position_embeddings, SEQUENCE_TOKENS_MAX * 16)?;
    if !config.num_attention_heads.is_multiple_of(config.num_key_value_heads) {
        return Err(bad(path, "num_attention_heads is not a multiple of num_key_value_heads".to_owned()));
    }
    if !config.head_dim.is_multiple_of(2) {
        return Err(bad(path, "head_dim is odd; the rotary embedding needs pairs".to_owned()));
    }
    let positive = |value: f64| value.is_finite() && value > 0.0;
    if !positive(config.rms_norm_eps) || !positive(config.rope.theta) {
        return Err(bad(path, "rms_norm_eps and rope_theta must be positive numbers".to_owned()));
    }
    Ok(())
}

fn bad(path: &Path, reason: String) -> ModelError {
    ModelError::Config { path: path.to_path_buf(), reason }
}

fn unsupported(what: &str) -> ModelError {
    ModelError::Unsupported {
        what: what.to_owned(),
        hint: "use a model without it; README.md lists the supported models".to_owned(),
    }
}
