//! LoRA products, which never form the dense `[out, in]` update.
//!
//! Called by `ops::flex`. `A [r, in]`, `B [out, r]`, `x [T, in]`, `y`, `dy [T, out]`, `xa [T, r]`.

use super::matmul::{Threads, View, matmul};

/// Sizes of one LoRA pair on one batch.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Rows of `x`.
    pub tokens: usize,
    /// Columns of `x`.
    pub input: usize,
    /// Columns of `y`.
    pub output: usize,
    /// `r`.
    pub rank: usize,
}

/// `xa = x A^T`, `y += s xa B^T`.
pub fn forward(sizes: Sizes, x: &[f32], a: &[f32], b: &[f32], scaling: f32, xa: &mut [f32], y: &mut [f32]) {
    let Sizes { tokens, input, output, rank } = sizes;
    let a = View::dense(a, rank, input).transposed();
    matmul(xa, rank, 0.0, 1.0, View::dense(x, tokens, input), a, Threads::All);
    let b = View::dense(b, output, rank).transposed();
    matmul(y, output, 1.0, scaling, View::dense(xa, tokens, rank), b, Threads::All);
}

/// What [`backward`] reads.
pub struct Saved<'a> {
    /// Input of the forward pass.
    pub x: &'a [f32],
    /// Its product with `A^T`.
    pub xa: &'a [f32],
    /// Output gradient.
    pub dy: &'a [f32],
    /// `A`.
    pub a: &'a [f32],
    /// `B`.
    pub b: &'a [f32],
}

/// `g = dy B`, `da = s g^T x`, `db = s dy^T xa`, `dx += s g A`.
pub fn backward(
    sizes: Sizes,
    saved: &Saved<'_>,
    scaling: f32,
    dx: &mut [f32],
    da: &mut [f32],
    db: &mut [f32],
) {
    let Sizes { tokens, input, output, rank } = sizes;
    let dy = View::dense(saved.dy, tokens, output);
    let mut g = vec![0.0; tokens * rank];
    matmul(&mut g, rank, 0.0, 1.0, dy, View::dense(saved.b, output, rank), Threads::All);
    let g = View::dense(&g, tokens, rank);
    matmul(da, input, 0.0, scaling, g.transposed(), View::dense(saved.x, tokens, input), Threads::All);
    matmul(db, rank, 0.0, scaling, dy.transposed(), View::dense(saved.xa, tokens, rank), Threads::All);
    matmul(dx, input, 1.0, scaling, g, View::dense(saved.a, rank, input), Threads::All);
}
