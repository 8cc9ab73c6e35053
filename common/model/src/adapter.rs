//! The LoRA adapter in memory: one pair (A, B) for each target linear, in f32. Made by [`Adapter::init`] or
//! read from safetensors. Used by `train`, by the decoder, by `export` and by both binaries.
//!
//! Invariants: the pairs match (`ModelConfig`, `LoraSettings`) exactly; the bytes of `to_safetensors` depend
//! on the values only (PEFT key names, f32, sorted by name, no metadata).

mod codec;
mod init;
pub mod peft;
mod settings;

#[cfg(test)]
mod tests;

pub use self::settings::{LoraSettings, tensor_shapes};
use crate::config::LinearKind;

/// The two matrices of one adapted linear: `y += scaling * B (A x)`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraPair {
    /// `[rank, in_features]`, row-major.
    pub a: Vec<f32>,
    /// `[out_features, rank]`, row-major.
    pub b: Vec<f32>,
    /// Rows of A, columns of B.
    pub rank: usize,
    /// Columns of A.
    pub in_features: usize,
    /// Rows of B.
    pub out_features: usize,
}

/// One layer's pairs, by [`LinearKind::index`]; `None` where the linear is not a target.
pub type LayerPairs = [Option<LoraPair>; 7];

/// A LoRA adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    settings: LoraSettings,
    layers: Vec<LayerPairs>,
}

impl Adapter {
    /// The settings the adapter was made with.
    #[must_use]
    pub fn settings(&self) -> &LoraSettings {
        &self.settings
    }

    /// The factor in front of `B A x`: see [`LoraSettings::scaling`].
    #[must_use]
    pub fn scaling(&self) -> f32 {
        self.settings.scaling()
    }

    /// How many layers it has.
    #[must_use]
    pub fn num_layers(&self) -> usize {
        self.layers.len()
    }

    /// The pair of one linear, or `None` where it is not a target (or the layer does not exist).
    #[must_use]
    pub fn pair(&self, layer: usize, kind: LinearKind) -> Option<&LoraPair> {
        self.layers.get(layer)?.get(kind.index())?.as_ref()
    }

    /// All pairs in training order (layer, then forward order of linears).
    pub fn pairs(&self) -> impl Iterator<Item = (usize, LinearKind, &LoraPair)> {
        self.layers.iter().enumerate().flat_map(|(layer, pairs)| {
            LinearKind::ALL
                .into_iter()
                .zip(pairs)
                .filter_map(move |(kind, pair)| Some((layer, kind, pair.as_ref()?)))
        })
    }

    /// All matrices in training order: for each pair A, then B. The optimiser's state has the same order.
    pub(crate) fn matrices_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        self.layers.iter_mut().flatten().flatten().flat_map(|pair| [&mut pair.a, &mut pair.b])
    }
}
