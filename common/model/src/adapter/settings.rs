//! What kind of adapter: rank, alpha, dropout, target linears; and the tensors it must therefore have.
//! Used by the trainer, by the strict checks of received adapters, and by PEFT files.

use serde::{Deserialize, Serialize};

use crate::config::{LinearKind, ModelConfig};
use crate::error::{ModelError, Result};
use crate::limits::LORA_RANK_MAX;

/// LoRA settings, as in PEFT's `LoraConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraSettings {
    /// Rank of every pair.
    pub rank: usize,
    /// The factor in front of `B A` is `alpha / rank`, or `alpha / sqrt(rank)` with `use_rslora`.
    pub alpha: f64,
    /// Probability that an input of A is dropped in training, in [0, 1).
    pub dropout: f64,
    /// Short names of the adapted linears (`q_proj`, ...).
    pub target_modules: Vec<String>,
    /// Rank-stabilised scaling (Kalajdzievski 2023), saved as PEFT's `use_rslora`.
    #[serde(default)]
    pub use_rslora: bool,
}

impl LoraSettings {
    /// All seven linears of every layer, no dropout.
    #[must_use]
    pub fn all_linear(rank: usize, alpha: f64) -> Self {
        let target_modules = LinearKind::ALL.iter().map(|kind| kind.short_name().to_owned()).collect();
        Self { rank, alpha, dropout: 0.0, target_modules, use_rslora: false }
    }

    /// `alpha / rank`, or `alpha / sqrt(rank)` for rsLoRA.
    #[must_use]
    pub fn scaling(&self) -> f32 {
        let rank = self.rank as f64;
        (self.alpha / if self.use_rslora { rank.sqrt() } else { rank }) as f32
    }

    /// Whether a linear is a target.
    #[must_use]
    pub fn targets(&self, kind: LinearKind) -> bool {
        self.target_modules.iter().any(|name| name == kind.short_name())
    }

    /// Checks that the settings can be used at all.
    ///
    /// # Errors
    /// `Setting` naming the first one that cannot.
    pub fn validate(&self) -> Result<()> {
        let bad = |name: &'static str, reason: String| Err(ModelError::Setting { name, reason });
        if self.rank == 0 || self.rank > LORA_RANK_MAX {
            return bad("rank", format!("it is {}; it must be between 1 and {LORA_RANK_MAX}", self.rank));
        }
        if !self.alpha.is_finite() || self.alpha <= 0.0 {
            return bad("alpha", format!("it is {}; it must be a positive number", self.alpha));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return bad("dropout", format!("it is {}; it must be at least 0 and less than 1", self.dropout));
        }
        if self.target_modules.is_empty() {
            return bad("target_modules", "it is empty".to_owned());
        }
        for name in &self.target_modules {
            if LinearKind::from_short_name(name).is_none() {
                let known: Vec<_> = LinearKind::ALL.iter().map(|kind| kind.short_name()).collect();
                return bad("target_modules", format!("{name:?} is not one of {}", known.join(", ")));
            }
        }
        Ok(())
    }
}

/// PEFT's name of one matrix: `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`.
pub(crate) fn tensor_name(layer: usize, kind: LinearKind, matrix: char) -> String {
    format!("base_model.model.{}.lora_{matrix}.weight", kind.module_name(layer))
}

/// The names and shapes of exactly the tensors an adapter has, sorted by name (byte order).
#[must_use]
pub fn tensor_shapes(config: &ModelConfig, settings: &LoraSettings) -> Vec<(String, [usize; 2])> {
    let mut shapes = Vec::new();
    for layer in 0..config.num_layers {
        for kind in LinearKind::ALL.into_iter().filter(|kind| settings.targets(*kind)) {
            let [out_features, in_features] = config.linear_shape(kind);
            shapes.push((tensor_name(layer, kind, 'A'), [settings.rank, in_features]));
            shapes.push((tensor_name(layer, kind, 'B'), [out_features, settings.rank]));
        }
    }
    shapes.sort();
    shapes
}
