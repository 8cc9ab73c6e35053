//! Output projection with cross-entropy over a vocabulary, in chunks of rows.
//!
//! Called by `ops::flex`. A chunk's logits live in one scratch buffer of at most [`LOGIT_BYTES`]; its
//! gradient overwrites them before the next chunk starts.

use rayon::prelude::*;

use super::cpu::widest;
use super::loss::{RowLoss, logit_bytes, rows_at_a_time};
use super::product::{Product, Rows};
use super::scratch::Scratch;
use super::{linear, math};
use crate::frozen::FrozenWeight;

/// Vocabulary rows of one product of the backward pass: 8 MiB of packed gradient for 256 rows.
pub const VOCABULARY_RUN: usize = 16 << 10;

/// `hidden [S, h]`, `head [V, h]`; `gradient` is `(scale, d_hidden [S, h])`, which is overwritten.
pub fn linear_cross_entropy(
    hidden: &[f32],
    head: &FrozenWeight,
    targets: &[u32],
    mut gradient: Option<(f32, &mut [f32])>,
    product: Product,
) -> Vec<RowLoss> {
    let [vocabulary, width] = head.shape();
    assert_eq!(hidden.len(), targets.len() * width, "one target a row");
    assert!(targets.iter().all(|target| (*target as usize) < vocabulary), "targets below the vocabulary");
    let chunk = rows_at_a_time(targets.len(), vocabulary, logit_bytes(product));
    #[cfg(target_arch = "x86_64")]
    if product == Product::Avx512Bf16 {
        let chunks = hidden.chunks(chunk * width).zip(targets.chunks(chunk)).enumerate();
        let losses = chunks.map(|(index, (hidden, targets))| {
            let start = index * chunk * width;
            let gradient = gradient
                .as_mut()
                .map(|(scale, d_hidden)| (*scale, &mut d_hidden[start..start + hidden.len()]));
            super::bf16::head::linear_cross_entropy(hidden, head, targets, gradient)
        });
        return losses.flatten().collect();
    }
    let mut logits = Scratch::take(chunk * vocabulary);
    let logits: &mut [f32] = bytemuck::cast_slice_mut(logits.as_mut());
    let mut losses = Vec::with_capacity(targets.len());
    for (index, (hidden, targets)) in hidden.chunks(chunk * width).zip(targets.chunks(chunk)).enumerate() {
        let logits = &mut logits[..targets.len() * vocabulary];
        linear::forward(hidden, Rows::all(head), logits, vocabulary, product);
        let scale = gradient.as_ref().map(|(scale, _)| *scale);
        let rows = logits.par_chunks_mut(vocabulary).zip(targets);
        losses.par_extend(rows.map(|(logits, target)| row_loss(logits, *target as usize, scale)));
        if let Some((_, d_hidden)) = &mut gradient {
            let start = index * chunk * width;
            let d_hidden = &mut d_hidden[start..start + hidden.len()];
            hidden_gradient(logits, head, d_hidden, product);
        }
    }
    losses
}

/// `d_hidden = logits head`, a run of the vocabulary at a time: the packed copy of the logits' gradient then
/// stays in the cache instead of taking half their memory once more.
pub(super) fn hidden_gradient(logits: &[f32], head: &FrozenWeight, d_hidden: &mut [f32], product: Product) {
    let vocabulary = head.shape()[0];
    for first in (0..vocabulary).step_by(VOCABULARY_RUN) {
        let rows = Rows { weight: head, first, count: VOCABULARY_RUN.min(vocabulary - first) };
        linear::backward(&logits[first..], vocabulary, rows, d_hidden, first > 0, product);
    }
}

widest! {
    /// Loss of one row; with a scale, replaces the logits by `scale * (softmax - onehot(target))`.
    fn row_loss(logits: &mut [f32], target: usize, scale: Option<f32>) -> RowLoss {
        let largest = math::max(logits);
        let target_logit = logits[target];
        let correct = target_logit == largest && !logits[..target].contains(&largest);
        let sum = math::exp_shifted_sum(logits, largest);
        let loss = f64::from(largest) + f64::from(sum).ln() - f64::from(target_logit);
        if let Some(scale) = scale {
            let factor = scale / sum;
            logits.iter_mut().for_each(|p| *p *= factor);
            logits[target] -= scale;
        }
        RowLoss { loss, correct }
    }
}
