//! Rotary position embedding in place, rotate-half as in transformers.
//!
//! Called by `ops::flex`. With halves `(a, b)` of a head: `(a cos - b sin, b cos + a sin)`; the inverse
//! negates the sine.

use rayon::prelude::*;

use super::cpu::widest;
use super::pointwise::rows_a_task;

/// Cosines and sines by position, `[P, half]` each; `half` is half a head's width.
#[derive(Clone, Copy)]
pub struct Angles<'a> {
    /// Cosines.
    pub cos: &'a [f32],
    /// Sines.
    pub sin: &'a [f32],
    /// `head_dim / 2`.
    pub half: usize,
}

/// Rotates `x [T, heads * head_dim]`; row `t` uses row `positions[t]` of `cos`, `sin [P, head_dim / 2]`.
pub fn rotary(
    x: &mut [f32],
    width: usize,
    positions: &[usize],
    Angles { cos, sin, half }: Angles<'_>,
    inverse: bool,
) {
    assert!(x.len() == positions.len() * width && width.is_multiple_of(2 * half), "rows of whole heads");
    let sign = if inverse { -1.0 } else { 1.0 };
    let rows = rows_a_task(width);
    x.par_chunks_mut(rows * width).zip(positions.par_chunks(rows)).for_each(|(x, positions)| {
        for (row, position) in x.chunks_exact_mut(width).zip(positions) {
            let cos = &cos[position * half..(position + 1) * half];
            let sin = &sin[position * half..(position + 1) * half];
            rotate_row(row, cos, sin, sign);
        }
    });
}

widest! {
    fn rotate_row(row: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
        let half = cos.len();
        for head in row.chunks_exact_mut(2 * half) {
            let (first, second) = head.split_at_mut(half);
            for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
                let sin = sign * sin;
                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
            }
        }
    }
}
