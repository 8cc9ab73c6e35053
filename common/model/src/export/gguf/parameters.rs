//! The metadata that says a model's shape, and the rotary embedding's divisors. Called by `export::gguf`.
//! Invariant: what llama.cpp would compute otherwise than the decoder is refused.

use super::format::Value;
use super::names::architecture;
use crate::config::{Architecture, ModelConfig, Rope, RopeScaling};
use crate::error::{ModelError, Result};

/// `general.quantization_version` of today's block types.
const QUANTISATION_VERSION: u32 = 2;

/// `general.*`; `kind` is `model` or `adapter`, `file_type` the number of most weights' type.
pub(super) fn general(config: &ModelConfig, kind: &str, name: &str, file_type: u32) -> Vec<(String, Value)> {
    let text = |key: &str, text: &str| (key.to_owned(), Value::Text(text.to_owned()));
    vec![
        text("general.architecture", architecture(config)),
        text("general.type", kind),
        text("general.name", name),
        ("general.file_type".to_owned(), Value::U32(file_type)),
        ("general.quantization_version".to_owned(), Value::U32(QUANTISATION_VERSION)),
    ]
}

/// Keys of the architecture.
///
/// # Errors
/// `Unsupported` for a rotary embedding that llama.cpp does not compute for this family.
pub(super) fn of_shape(config: &ModelConfig) -> Result<Vec<(String, Value)>> {
    let is_llama = config.architecture == Architecture::Llama;
    if config.rope.scaling != RopeScaling::Default && !is_llama {
        return Err(ModelError::Unsupported {
            what: "a GGUF file of a Qwen model with rope_type llama3".to_owned(),
            hint: "use --format merged; llama.cpp reads these divisors for llama models only".to_owned(),
        });
    }
    let number = |key: &str, number: usize| {
        let number = u32::try_from(number)
            .map_err(|_| ModelError::Internal { reason: format!("{key} is {number}") })?;
        Ok((format!("{}.{key}", architecture(config)), Value::U32(number)))
    };
    let real = |key: &str, real: f64| (format!("{}.{key}", architecture(config)), Value::F32(real as f32));
    let mut all = vec![
        number("block_count", config.num_layers)?,
        number("context_length", config.max_position_embeddings)?,
        number("embedding_length", config.hidden_size)?,
        number("feed_forward_length", config.intermediate_size)?,
        number("attention.head_count", config.num_attention_heads)?,
        number("attention.head_count_kv", config.num_key_value_heads)?,
        number("attention.key_length", config.head_dim)?,
        number("attention.value_length", config.head_dim)?,
        number("vocab_size", config.vocab_size)?,
        number("rope.dimension_count", config.head_dim)?,
    ];
    all.push(real("attention.layer_norm_rms_epsilon", config.rms_norm_eps));
    all.push(real("rope.freq_base", config.rope.theta));
    Ok(all)
}

/// What each frequency is divided by (`rope_freqs.weight`, `[head_dim / 2]`), where there is anything to
/// divide.
pub(super) fn rope_divisors(config: &ModelConfig) -> Option<Vec<f32>> {
    if config.rope.scaling == RopeScaling::Default {
        return None;
    }
    let plain = Rope { scaling: RopeScaling::Default, ..config.rope }.inverse_frequencies(config.head_dim);
    let scaled = config.rope.inverse_frequencies(config.head_dim);
    let ratio = |(plain, scaled): (f32, f32)| (f64::from(plain) / f64::from(scaled)) as f32;
    Some(plain.into_iter().zip(scaled).map(ratio).collect())
}
