//! The rotary embedding's frequencies, as transformers computes them in f32. Called by the loader.
//! Invariant: `inverse_frequencies` has `head_dim / 2` finite, positive entries.

use serde::{Deserialize, Serialize};

/// Base and scaling of the rotary embedding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rope {
    /// The base of the geometric series of wavelengths.
    pub theta: f64,
    /// How the series is altered for long contexts.
    pub scaling: RopeScaling,
}

/// Alteration of the frequencies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum RopeScaling {
    /// None.
    Default,
    /// `rope_type: llama3` (transformers `_compute_llama3_parameters`).
    Llama3 {
        /// Divisor of the low frequencies.
        factor: f64,
        /// Wavelengths above `original / low_freq_factor` are divided.
        low_freq_factor: f64,
        /// Wavelengths below `original / high_freq_factor` are kept.
        high_freq_factor: f64,
        /// Context length of the unscaled model, in tokens.
        original_max_position_embeddings: f64,
    },
}

impl Rope {
    /// `head_dim / 2` inverse frequencies: `theta^(-2i/head_dim)`, then the scaling. f32 steps as in torch.
    #[must_use]
    pub fn inverse_frequencies(&self, head_dim: usize) -> Vec<f32> {
        (0..head_dim / 2)
            .map(|pair| {
                let exponent = (2 * pair) as f32 / head_dim as f32;
                // torch evaluates `theta ** f32` in f32; going through f64 and rounding once is within its
                // ulp.
                let power = self.theta.powf(f64::from(exponent)) as f32;
                self.scaling.apply(1.0 / power)
            })
            .collect()
    }
}

impl RopeScaling {
    fn apply(&self, frequency: f32) -> f32 {
        let Self::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } =
            *self
        else {
            return frequency;
        };
        let exact = f64::from(frequency);
        let wavelength = 2.0 * std::f64::consts::PI / exact;
        let original = original_max_position_embeddings;
        let scaled = if wavelength > original / low_freq_factor {
            exact / factor
        } else if wavelength < original / high_freq_factor {
            exact
        } else {
            let smooth = (original / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
            (1.0 - smooth) * exact / factor + smooth * exact
        };
        scaled as f32
    }
}
