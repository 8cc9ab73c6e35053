//! The softmax inside attention: probabilities forward, probabilities and score gradients backward. Called by
//! `ops::cube::attention` for one chunk of queries against the keys up to its last one; one cube a score row,
//! `columns` keys wide. A row belongs to the query at position `first + row / group` of its segment and sees
//! the keys up to its own position.

use cubecl::prelude::*;

use super::{cube_max, cube_sum, narrow};

/// Replaces scores by probabilities; keeps each row's log-sum-exp in `[tokens, query heads]`.
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structs")]
pub fn forward<E: Float>(
    scores: &Array<f32>,
    probabilities: &mut Array<E>,
    log_sum_exp: &mut Array<f32>,
    total: u32,
    rows: u32,
    columns: u32,
    group: u32,
    first: u32,
    token: u32,
    query_heads: u32,
    scale: f32,
    #[comptime] round: bool,
    #[define(E)] _dtype: StorageType,
) {
    let index = CUBE_POS;
    if index >= total as usize {
        terminate!();
    }
    let row = index as u32 % rows;
    let query = row / group;
    let seen = (first + query + 1) as usize;
    let start = index * columns as usize;
    let mut largest = scores[start] * scale;
    let mut column = UNIT_POS as usize;
    while column < seen {
        largest = max(largest, scores[start + column] * scale);
        column += CUBE_DIM as usize;
    }
    let largest = cube_max(largest);
    let mut sum = 0.0_f32;
    column = UNIT_POS as usize;
    while column < seen {
        sum += (scores[start + column] * scale - largest).exp();
        column += CUBE_DIM as usize;
    }
    let sum = cube_sum(sum);
    let factor = 1.0 / sum;
    column = UNIT_POS as usize;
    while column < columns as usize {
        let mut probability = 0.0_f32;
        if column < seen {
            probability = (scores[start + column] * scale - largest).exp() * factor;
        }
        probabilities[start + column] = narrow::<E>(probability, round);
        column += CUBE_DIM as usize;
    }
    if UNIT_POS == 0 {
        let head = index as u32 / rows * group + row % group;
        log_sum_exp[((token + query) * query_heads + head) as usize] = largest + sum.ln();
    }
}

/// From scores and `d_probabilities` to probabilities and score gradients
/// `p * (dp - delta) * scale`, with `p` rebuilt from the log-sum-exp.
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structs")]
pub fn backward<E: Float>(
    scores: &Array<f32>,
    d_probabilities: &Array<f32>,
    log_sum_exp: &Array<f32>,
    delta: &Array<f32>,
    probabilities: &mut Array<E>,
    d_scores: &mut Array<E>,
    total: u32,
    rows: u32,
    columns: u32,
    group: u32,
    first: u32,
    token: u32,
    query_heads: u32,
    scale: f32,
    #[comptime] round: bool,
    #[define(E)] _dtype: StorageType,
) {
    let index = CUBE_POS;
    if index >= total as usize {
        terminate!();
    }
    let row = index as u32 % rows;
    let query = row / group;
    let seen = (first + query + 1) as usize;
    let head = index as u32 / rows * group + row % group;
    let saved = ((token + query) * query_heads + head) as usize;
    let (shift, mean) = (log_sum_exp[saved], delta[saved]);
    let start = index * columns as usize;
    let mut column = UNIT_POS as usize;
    while column < columns as usize {
        let place = start + column;
        let mut probability = 0.0_f32;
        let mut gradient = 0.0_f32;
        if column < seen {
            probability = (scores[place] * scale - shift).exp();
            gradient = probability * (d_probabilities[place] - mean) * scale;
        }
        probabilities[place] = narrow::<E>(probability, round);
        d_scores[place] = narrow::<E>(gradient, round);
        column += CUBE_DIM as usize;
    }
}

/// `delta[token, head] = sum over head_dim of d_output * output`; one unit a pair of token and head.
#[cube(launch)]
pub fn delta(d_output: &Array<f32>, output: &Array<f32>, delta: &mut Array<f32>, count: u32, head_dim: u32) {
    if ABSOLUTE_POS < count as usize {
        let start = ABSOLUTE_POS * head_dim as usize;
        let mut sum = 0.0_f32;
        let mut column = 0_usize;
        while column < head_dim as usize {
            sum += d_output[start + column] * output[start + column];
            column += 1;
        }
        delta[ABSOLUTE_POS] = sum;
    }
}
