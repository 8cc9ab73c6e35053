//! What one head of one segment reads and writes. Used by `attention` and `attention::avx512`.
//! Invariant: a task's rows lie inside the batch.

use crate::kernels::matmul::matmul;
use crate::kernels::view::{Threads, View};
use crate::kernels::wide::tile::Store;
use crate::segments::Heads;

/// Query rows of one score tile.
pub(super) const TILE: usize = 64;

/// What attention reads: `q [T, query * d]`, `k`, `v [T, key_value * d]`.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Queries after rotary embedding.
    pub q: &'a [f32],
    /// Keys after rotary embedding.
    pub k: &'a [f32],
    /// Values.
    pub v: &'a [f32],
    /// Head counts.
    pub heads: Heads,
}

/// One head of one segment: `[start, start + length)` rows, query head `head`.
#[derive(Clone, Copy)]
pub(super) struct Task {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) head: usize,
}

impl<'a> Inputs<'a> {
    /// Whether the tensors hold this many rows.
    pub(super) fn covers(&self, rows: usize) -> bool {
        let Heads { query, key_value, head_dim } = self.heads;
        let shared = rows * key_value * head_dim;
        self.q.len() == rows * query * head_dim && self.k.len() == shared && self.v.len() == shared
    }

    /// `rows` rows from `first` of query head `head`.
    pub(super) fn query(&self, first: usize, rows: usize, head: usize) -> View<'a> {
        head_view(self.q, first, rows, head, self.heads.query, self.heads.head_dim)
    }

    /// The same of the key or value head that `head` shares.
    pub(super) fn shared(&self, data: &'a [f32], first: usize, rows: usize, head: usize) -> View<'a> {
        head_view(data, first, rows, head / self.heads.group(), self.heads.key_value, self.heads.head_dim)
    }

    /// Probabilities before normalisation: `scores[i][j] = scale * q_i k_j` for the tile's rows against
    /// keys `0..keys` of the segment.
    pub(super) fn scores(&self, task: Task, first: usize, rows: usize, keys: usize, scores: &mut [f32]) {
        let scale = 1.0 / (self.heads.head_dim as f32).sqrt();
        let q = self.query(task.start + first, rows, task.head);
        let k = self.shared(self.k, task.start, keys, task.head);
        matmul(scores, Store { stride: keys, alpha: scale, add: false }, q, k.transposed(), Threads::One);
    }
}

/// Rows of one head of a `[T, heads * head_dim]` tensor.
pub(super) fn head_view(
    data: &[f32],
    first: usize,
    rows: usize,
    head: usize,
    heads: usize,
    head_dim: usize,
) -> View<'_> {
    let stride = heads * head_dim;
    View::rows(&data[first * stride + head * head_dim..], rows, head_dim, stride)
}

/// What the backward pass reads besides the inputs.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    /// Output gradient, like `q`.
    pub d_output: &'a [f32],
    /// Output of the forward pass.
    pub output: &'a [f32],
    /// `[T, query]`.
    pub log_sum_exp: &'a [f32],
}

/// One query head's share of the key and value gradients of a segment, `[length, d]` each; holds anything at
/// first.
pub(super) struct HeadGradients<'a> {
    pub(super) dk: &'a mut [f32],
    pub(super) dv: &'a mut [f32],
}
