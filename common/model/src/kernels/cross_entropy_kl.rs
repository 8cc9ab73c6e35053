//! Output projection with cross-entropy and a Kullback-Leibler penalty towards the base model, in chunks of
//! rows.
//!
//! Called by `ops::flex`. Two logit buffers (with and without the adapter) share the scratch that the plain
//! cross-entropy has for one, so the penalty costs time and no memory.
//!
//! With `p = softmax(z_base)` held constant and `q = softmax(z)`: the row's loss is `CE(q, target) + w KL(p
//! || q)`, `KL(p || q) = sum p (log p - log q)`. Because `d KL(p || q) / dz = q - p`, the gradient in the
//! logits is `q - onehot + w (q - p)`. This direction (the base's distribution is the target, as in Hinton,
//! Vinyals and Dean 2015 at temperature 1, and in Li and Hoiem 2016, "Learning without Forgetting", equation
//! 2) makes the model pay wherever the base had probability that it gives up.

use rayon::prelude::*;

use super::cpu::widest;
use super::cross_entropy::hidden_gradient;
use super::linear;
use super::loss::{LOGIT_BYTES, RowLoss};
use super::math::{self, LANES};
use super::product::{Product, Rows};
use super::scratch::Scratch;
use crate::frozen::FrozenWeight;

/// What one row measured.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowLossKl {
    /// Loss and hit of the target.
    pub target: RowLoss,
    /// `KL(base || model)` in nats, not weighted.
    pub divergence: f64,
}

/// `hidden` and `base_hidden [S, h]`, `head [V, h]`; `gradient` is `(scale, d_hidden [S, h])`, which is
/// overwritten.
pub fn linear_cross_entropy_kl(
    [hidden, base_hidden]: [&[f32]; 2],
    head: &FrozenWeight,
    targets: &[u32],
    kl_weight: f32,
    mut gradient: Option<(f32, &mut [f32])>,
    product: Product,
) -> Vec<RowLossKl> {
    let [vocabulary, width] = head.shape();
    assert!([hidden.len(), base_hidden.len()] == [targets.len() * width; 2], "one target a row");
    assert!(targets.iter().all(|target| (*target as usize) < vocabulary), "targets below the vocabulary");
    let rows = targets.len().max(1);
    let most = (LOGIT_BYTES / 2 / size_of::<f32>() / vocabulary).clamp(1, rows);
    let chunk = rows.div_ceil(rows.div_ceil(most));
    let mut scratch = [Scratch::take(chunk * vocabulary), Scratch::take(chunk * vocabulary)];
    let [logits, base_logits] =
        scratch.each_mut().map(|scratch| bytemuck::cast_slice_mut::<u32, f32>(scratch.as_mut()));
    let mut losses = Vec::with_capacity(targets.len());
    let chunks = hidden.chunks(chunk * width).zip(base_hidden.chunks(chunk * width));
    for (index, ((hidden, base_hidden), targets)) in chunks.zip(targets.chunks(chunk)).enumerate() {
        let logits = &mut logits[..targets.len() * vocabulary];
        let base_logits = &mut base_logits[..targets.len() * vocabulary];
        linear::forward(hidden, Rows::all(head), logits, vocabulary, product);
        linear::forward(base_hidden, Rows::all(head), base_logits, vocabulary, product);
        let scale = gradient.as_ref().map(|(scale, _)| (*scale, kl_weight));
        let rows = logits.par_chunks_mut(vocabulary).zip(base_logits.par_chunks_mut(vocabulary));
        let rows = rows.zip(targets);
        losses
            .par_extend(rows.map(|((logits, base), target)| row_loss(logits, base, *target as usize, scale)));
        if let Some((_, d_hidden)) = &mut gradient {
            let start = index * chunk * width;
            let d_hidden = &mut d_hidden[start..start + hidden.len()];
            hidden_gradient(logits, head, d_hidden, product);
        }
    }
    losses
}

widest! {
    /// Loss of one row. With `(s, w)`, replaces the logits by `s (q - onehot(target) + w (q - p))`. The
    /// base's logits are overwritten in any case.
    fn row_loss(logits: &mut [f32], base: &mut [f32], target: usize, scale: Option<(f32, f32)>) -> RowLossKl {
        let (largest, base_largest) = (math::max(logits), math::max(base));
        let target_logit = logits[target];
        let correct = target_logit == largest && !logits[..target].contains(&largest);
        let (base_sum, weighted) = exp_and_difference(base, base_largest, logits, largest);
        let sum = math::exp_shifted_sum(logits, largest);
        let loss = f64::from(largest) + f64::from(sum).ln() - f64::from(target_logit);
        // sum p (log p - log q), with the logarithms of the two sums taken out of the sum over the
        // vocabulary. Rounding can make a divergence of nearly nothing negative.
        let mean_difference = f64::from(weighted) / f64::from(base_sum);
        let divergence = (mean_difference + f64::from(sum).ln() - f64::from(base_sum).ln()).max(0.0);
        if let Some((scale, weight)) = scale {
            let (factor, base_factor) = (scale / sum, scale / base_sum);
            for (q, p) in logits.iter_mut().zip(base.iter()) {
                let model = *q * factor;
                *q = model + weight * (model - *p * base_factor);
            }
            logits[target] -= scale;
        }
        RowLossKl { target: RowLoss { loss, correct }, divergence }
    }
}

/// Replaces `base` by `e = exp(base - base_shift)`; returns `sum e` (in the order of
/// [`math::exp_shifted_sum`], so that equal logits give equal sums) and `sum e ((base - base_shift) - (logits
/// - shift))`.
#[inline(always)]
fn exp_and_difference(base: &mut [f32], base_shift: f32, logits: &[f32], shift: f32) -> (f32, f32) {
    let (mut sums, mut weighted) = ([0.0f32; LANES], [0.0f32; LANES]);
    let (chunks, rest) = base.as_chunks_mut::<LANES>();
    let (logit_chunks, logit_rest) = logits.as_chunks::<LANES>();
    for (chunk, logits) in chunks.iter_mut().zip(logit_chunks) {
        for lane in 0..LANES {
            let shifted = chunk[lane] - base_shift;
            let value = math::exp(shifted);
            chunk[lane] = value;
            sums[lane] += value;
            weighted[lane] += value * (shifted - (logits[lane] - shift));
        }
    }
    let (mut sum, mut difference): (f32, f32) = (math::total(sums), math::total(weighted));
    for (value, logit) in rest.iter_mut().zip(logit_rest) {
        let shifted = *value - base_shift;
        *value = math::exp(shifted);
        sum += *value;
        difference += *value * (shifted - (logit - shift));
    }
    (sum, difference)
}
