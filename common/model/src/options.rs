//! The plain options of a model: arithmetic, format of the weights, and how one machine holds them. Used by
//! every other file that loads, plans or computes (`base`, `device`, `plan`, `ops`, `decoder`, `kernels`).
//! Invariant: ground floor; this file imports none of those.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ModelError, Result};

/// Arithmetic of the large matrix products. Activations, reductions and accumulation stay f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    /// f32 operands: reproduces transformers in f32.
    F32,
    /// Operands rounded to bf16, f32 accumulation: what AVX512-BF16 and tensor cores run.
    Bf16,
}

/// How the decoder's linears are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightFormat {
    /// NF4, block 64, double-quantised: 4.13 bits a weight.
    Nf4,
    /// As in the checkpoint, widened to f32.
    F32,
}

/// Options of [`crate::BaseModel::load`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadOptions {
    /// Format of the decoder's linears.
    pub weights: WeightFormat,
    /// Arithmetic; also the precision in which embedding and head are held.
    pub compute: Compute,
}

/// Which activations the backward pass finds kept, and which it computes again. Memory against time; the same
/// bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recompute {
    /// Keep everything: fastest, most memory.
    None,
    /// Compute the attention blocks again; keep the feed-forward blocks.
    Attention,
    /// Keep only each layer's input: a third more work, least memory.
    Full,
    /// Keep as many layers as fit `limits::ACTIVATION_BYTES_MAX`.
    #[default]
    Auto,
}

/// How the decoder's quantised linears stay in memory while they are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldWeights {
    /// Packed, 4.13 bits a weight, unpacked for each product.
    #[default]
    Nf4,
    /// Unpacked to bf16 when loaded: 16 bits a weight, the same products. Needs bf16 arithmetic.
    Bf16Cache,
}

impl fmt::Display for Recompute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Attention => "attention",
            Self::Full => "full",
            Self::Auto => "auto",
        })
    }
}

impl fmt::Display for HeldWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nf4 => "nf4",
            Self::Bf16Cache => "bf16-cache",
        })
    }
}

impl FromStr for Recompute {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::None),
            "attention" => Ok(Self::Attention),
            "full" => Ok(Self::Full),
            "auto" => Ok(Self::Auto),
            _ => Err(setting("recompute", format!("{text:?} is not none, attention, full or auto"))),
        }
    }
}

impl FromStr for HeldWeights {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "nf4" => Ok(Self::Nf4),
            "bf16-cache" => Ok(Self::Bf16Cache),
            _ => Err(setting("weights", format!("{text:?} is not nf4 or bf16-cache"))),
        }
    }
}

fn setting(name: &'static str, reason: String) -> ModelError {
    ModelError::Setting { name, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_written_as_they_are_read() {
        for text in ["none", "attention", "full", "auto"] {
            assert_eq!(text.parse::<Recompute>().unwrap().to_string(), text);
            assert_eq!(serde_json::from_str::<Recompute>(&format!("\"{text}\"")).unwrap().to_string(), text);
        }
        for text in ["nf4", "bf16-cache"] {
            assert_eq!(text.parse::<HeldWeights>().unwrap().to_string(), text);
            assert_eq!(
                serde_json::from_str::<HeldWeights>(&format!("\"{text}\"")).unwrap().to_string(),
                text
            );
        }
        assert!("half".parse::<Recompute>().is_err() && "f32".parse::<HeldWeights>().is_err());
    }
}
