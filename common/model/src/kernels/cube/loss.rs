//! Cross-entropy of a chunk of logits, and the penalty towards the base model's, one cube a row. Called by
//! `ops::cube::loss`, between the head's two products.

use cubecl::prelude::*;

use super::{cube_max, cube_sum, narrow};

/// `loss[row] = log-sum-exp - logit of the target`; `hit[row] = 1` when no logit is larger and none before it
/// equal. With `penalty`, `divergence[row] = KL(base || model)`. With `gradient`, `d_logits = scale *
/// (softmax - onehot(target) + weight * (softmax - base softmax))` as operands, the last term only with
/// `penalty`. Arrays that a launch does not need have one element.
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structs")]
pub fn cross_entropy<E: Float>(
    logits: &Array<f32>,
    base_logits: &Array<f32>,
    targets: &Array<u32>,
    loss: &mut Array<f32>,
    hit: &mut Array<f32>,
    divergence: &mut Array<f32>,
    d_logits: &mut Array<E>,
    rows: u32,
    first: u32,
    vocabulary: u32,
    scale: f32,
    weight: f32,
    #[comptime] penalty: bool,
    #[comptime] gradient: bool,
    #[comptime] round: bool,
    #[define(E)] _dtype: StorageType,
) {
    let row = CUBE_POS;
    if row >= rows as usize {
        terminate!();
    }
    let start = row * vocabulary as usize;
    let place = first as usize + row;
    let target = targets[place] as usize;
    let wanted = logits[start + target];
    let largest = row_max(logits, start, vocabulary);
    let missed = beaten(logits, start, vocabulary, target);
    let sum = exp_sum(logits, start, vocabulary, largest);
    if UNIT_POS == 0 {
        loss[place] = largest - wanted + sum.ln();
        hit[place] = 1.0 - missed;
    }
    let mut base_largest = 0.0_f32;
    let mut base_sum = 1.0_f32;
    if comptime!(penalty) {
        base_largest = row_max(base_logits, start, vocabulary);
        base_sum = exp_sum(base_logits, start, vocabulary, base_largest);
        let mean = weighted_sum(logits, base_logits, start, vocabulary, largest, base_largest) / base_sum;
        // Sum of p (log p - log q); rounding can make one of nearly nothing negative.
        if UNIT_POS == 0 {
            divergence[place] = max(mean + sum.ln() - base_sum.ln(), 0.0);
        }
    }
    if comptime!(gradient) {
        let factor = scale / sum;
        let base_factor = scale / base_sum;
        let mut column = UNIT_POS as usize;
        while column < vocabulary as usize {
            let model = (logits[start + column] - largest).exp() * factor;
            let mut value = model;
            if comptime!(penalty) {
                let base = (base_logits[start + column] - base_largest).exp() * base_factor;
                value += weight * (model - base);
            }
            if column == target {
                value -= scale;
            }
            d_logits[start + column] = narrow::<E>(value, round);
            column += CUBE_DIM as usize;
        }
    }
}

/// Sum of `exp(b) (b - l)` over a row, `b` and `l` being the base's and the model's shifted logits.
#[cube]
fn weighted_sum(
    logits: &Array<f32>,
    base_logits: &Array<f32>,
    start: usize,
    vocabulary: u32,
    shift: f32,
    base_shift: f32,
) -> f32 {
    let mut sum = 0.0_f32;
    let mut column = UNIT_POS as usize;
    while column < vocabulary as usize {
        let shifted = base_logits[start + column] - base_shift;
        sum += shifted.exp() * (shifted - (logits[start + column] - shift));
        column += CUBE_DIM as usize;
    }
    cube_sum(sum)
}

/// 1 when a token beats the target, else 0: a larger logit, or an equal one before it.
#[cube]
fn beaten(logits: &Array<f32>, start: usize, vocabulary: u32, target: usize) -> f32 {
    let wanted = logits[start + target];
    let mut beaten = 0.0_f32;
    let mut column = UNIT_POS as usize;
    while column < vocabulary as usize {
        let logit = logits[start + column];
        if logit > wanted || (logit == wanted && column < target) {
            beaten = 1.0_f32;
        }
        column += CUBE_DIM as usize;
    }
    cube_max(beaten)
}

#[cube]
fn row_max(logits: &Array<f32>, start: usize, vocabulary: u32) -> f32 {
    let mut largest = logits[start];
    let mut column = UNIT_POS as usize;
    while column < vocabulary as usize {
        largest = max(largest, logits[start + column]);
        column += CUBE_DIM as usize;
    }
    cube_max(largest)
}

#[cube]
fn exp_sum(logits: &Array<f32>, start: usize, vocabulary: u32, shift: f32) -> f32 {
    let mut sum = 0.0_f32;
    let mut column = UNIT_POS as usize;
    while column < vocabulary as usize {
        sum += (logits[start + column] - shift).exp();
        column += CUBE_DIM as usize;
    }
    cube_sum(sum)
}
