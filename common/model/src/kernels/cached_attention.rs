//! Attention of the last rows of one sequence over the keys and values kept of all its positions.
//!
//! Called by `ops::flex` when text is generated: one row a token, or a run of prompt rows behind kept ones.
//! A task is (query head, tile of rows); operands stay f32, because the work is small beside the linears'.

use rayon::prelude::*;

use super::attention::softmax;
use super::disjoint::DisjointMut;
use super::matmul::matmul;
use super::view::{Threads, View};
use super::wide::tile::Store;
use crate::segments::Heads;

/// Query rows of one score tile, so that scratch is `TILE * length` scores.
const TILE: usize = 64;

/// What the kernel reads; rows of `q` are the last positions below `length`.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// `[T, query * d]`.
    pub q: &'a [f32],
    /// `[at least length, key_value * d]`.
    pub keys: &'a [f32],
    /// Like `keys`.
    pub values: &'a [f32],
    /// Positions that are kept, the rows of `q` included.
    pub length: usize,
    /// Head counts.
    pub heads: Heads,
}

/// Output `[T, query * d]`.
pub fn forward(inputs: Inputs<'_>, output: &mut [f32]) {
    let Inputs { q, keys, values, length, heads } = inputs;
    let (stride, shared) = (heads.query * heads.head_dim, heads.key_value * heads.head_dim);
    let rows = q.len() / stride;
    assert!(q.len() == rows * stride && output.len() == q.len() && rows <= length, "rows of the sequence");
    assert!(keys.len() >= length * shared && values.len() >= length * shared, "kept rows");
    let output = DisjointMut::new(output);
    (0..heads.query * rows.div_ceil(TILE)).into_par_iter().for_each(|task| {
        let (head, first) = (task % heads.query, task / heads.query * TILE);
        tile(inputs, head, first..rows.min(first + TILE), length - rows, output);
    });
}

/// The rows `rows` of one query head; row `i` sees the positions `0 ..= past + i`.
fn tile(
    inputs: Inputs<'_>,
    head: usize,
    rows: core::ops::Range<usize>,
    past: usize,
    output: DisjointMut<'_, f32>,
) {
    let Heads { query, key_value, head_dim } = inputs.heads;
    let (stride, shared) = (query * head_dim, key_value * head_dim);
    let (count, seen) = (rows.len(), past + rows.end);
    let offset = head / inputs.heads.group() * head_dim;
    let q = View::rows(&inputs.q[rows.start * stride + head * head_dim..], count, head_dim, stride);
    let keys = View::rows(&inputs.keys[offset..], seen, head_dim, shared);
    let values = View::rows(&inputs.values[offset..], seen, head_dim, shared);
    let mut scores = vec![0.0; count * seen];
    let scale = 1.0 / (head_dim as f32).sqrt();
    matmul(&mut scores, Store { stride: seen, alpha: scale, add: false }, q, keys.transposed(), Threads::One);
    for (row, scores) in rows.clone().zip(scores.chunks_exact_mut(seen)) {
        let (visible, future) = scores.split_at_mut(past + row + 1);
        softmax(visible);
        future.fill(0.0);
    }
    let mut result = vec![0.0; count * head_dim];
    matmul(
        &mut result,
        Store { stride: head_dim, alpha: 1.0, add: false },
        View::dense(&scores, count, seen),
        values,
        Threads::One,
    );
    for (row, result) in rows.zip(result.chunks_exact(head_dim)) {
        // SAFETY: these columns of this row belong to this task's head and tile alone.
        unsafe { output.slice(row * stride + head * head_dim, head_dim) }.copy_from_slice(result);
    }
}
