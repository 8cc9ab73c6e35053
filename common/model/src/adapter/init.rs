//! The start value of an adapter. Called by [`super::Adapter::init`].
//! Invariant: the value of a matrix depends on (seed, module name, shape) only.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

use super::settings::LoraSettings;
use super::{Adapter, LayerPairs, LoraPair};
use crate::config::{LinearKind, ModelConfig};
use crate::error::Result;

impl Adapter {
    /// A new adapter as PEFT initialises it: A uniform in +-1/sqrt(in_features) (kaiming-uniform with a =
    /// sqrt 5), B zero. Each A comes from a ChaCha stream keyed by (seed, module name), so the order of
    /// modules is immaterial.
    ///
    /// # Errors
    /// `Setting` when the settings are not usable with this model.
    pub fn init(config: &ModelConfig, settings: &LoraSettings, seed: u64) -> Result<Self> {
        init(config, settings, seed)
    }
}

fn init(config: &ModelConfig, settings: &LoraSettings, seed: u64) -> Result<Adapter> {
    settings.validate()?;
    let layers = (0..config.num_layers).map(|layer| layer_pairs(config, settings, seed, layer)).collect();
    Ok(Adapter { settings: settings.clone(), layers })
}

fn layer_pairs(config: &ModelConfig, settings: &LoraSettings, seed: u64, layer: usize) -> LayerPairs {
    LinearKind::ALL.map(|kind| {
        if !settings.targets(kind) {
            return None;
        }
        let [out_features, in_features] = config.linear_shape(kind);
        let rank = settings.rank;
        Some(LoraPair {
            a: uniform(seed, &kind.module_name(layer), rank * in_features, in_features),
            b: vec![0.0; out_features * rank],
            rank,
            in_features,
            out_features,
        })
    })
}

/// U(-1/sqrt(in), 1/sqrt(in)): kaiming-uniform with a = sqrt 5 has bound sqrt(6 / (6 in)).
fn uniform(seed: u64, module: &str, count: usize, in_features: usize) -> Vec<f32> {
    let mut hash = Sha256::new();
    hash.update(b"lora-init/1\0");
    hash.update(seed.to_le_bytes());
    hash.update(module.as_bytes());
    let mut stream = ChaCha20Rng::from_seed(hash.finalize().into());
    let bound = 1.0 / (in_features as f64).sqrt();
    let unit = 1.0 / f64::from(1_u32 << 24);
    (0..count)
        .map(|_| {
            // 24 bits: every value is exact in f32, so the stream is the same on every platform.
            let fraction = f64::from(stream.next_u32() >> 8) * unit;
            ((2.0 * fraction - 1.0) * bound) as f32
        })
        .collect()
}
