//! LoRA products, which never form the dense `[out, in]` update.
//!
//! Called by `ops::flex`. `A [r, in]`, `B [out, r]`, `x [T, in]`, `y`, `dy [T, out]`, `xa [T, r]`.

use super::matmul::matmul;
use super::product::Product;
use super::view::{Threads, View};
use super::wide::tile::Store;

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

/// The adapter's matrices.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// `A`.
    pub a: &'a [f32],
    /// `B`.
    pub b: &'a [f32],
    /// `s`.
    pub scaling: f32,
}

/// `xa = x A^T`, `y += s xa B^T`.
pub fn forward(
    sizes: Sizes,
    x: &[f32],
    Pair { a, b, scaling }: Pair<'_>,
    xa: &mut [f32],
    y: &mut [f32],
    product: Product,
) {
    let Sizes { tokens, input, output, rank } = sizes;
    if tokens == 1 {
        super::gemv::dense(x, a, 1.0, xa, false);
        return super::gemv::dense(xa, b, scaling, y, true);
    }
    multiply(xa, Matrix::new(x, tokens, input), Right::transposed(a, rank, input), false, product);
    let scaled = scaled(xa, scaling);
    multiply(y, Matrix::new(&scaled, tokens, rank), Right::transposed(b, output, rank), true, product);
}

/// What [`backward`] reads.
pub struct Saved<'a> {
    /// Input of the forward pass.
    pub x: &'a [f32],
    /// Its product with `A^T`.
    pub xa: &'a [f32],
    /// Output gradient.
    pub dy: &'a [f32],
    /// The adapter.
    pub pair: Pair<'a>,
}

/// `g = s dy B`, `da = g^T x`, `db = s dy^T xa`, `dx += g A`.
pub fn backward(
    sizes: Sizes,
    saved: &Saved<'_>,
    dx: &mut [f32],
    da: &mut [f32],
    db: &mut [f32],
    product: Product,
) {
    let Sizes { tokens, input, output, rank } = sizes;
    let Pair { a, b, scaling } = saved.pair;
    let mut g = vec![0.0; tokens * rank];
    multiply(&mut g, Matrix::new(saved.dy, tokens, output), Right::plain(b, output, rank), false, product);
    g.iter_mut().for_each(|value| *value *= scaling);
    multiply(dx, Matrix::new(&g, tokens, rank), Right::plain(a, rank, input), true, product);
    let g = transposed(&g, tokens, rank);
    multiply(da, Matrix::new(&g, rank, tokens), Right::plain(saved.x, tokens, input), false, product);
    // The narrow matrix goes left and the result is turned: the wide `dy` is then read along its rows.
    let xa = transposed(&scaled(saved.xa, scaling), tokens, rank);
    let mut turned = vec![0.0; db.len()];
    multiply(
        &mut turned,
        Matrix::new(&xa, rank, tokens),
        Right::plain(saved.dy, tokens, output),
        false,
        product,
    );
    db.copy_from_slice(&transposed(&turned, rank, output));
}

/// A dense row-major left operand.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
}

impl<'a> Matrix<'a> {
    fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "dense matrix");
        Self { data, rows, columns }
    }
}

/// A dense right operand, as stored or transposed.
#[derive(Clone, Copy)]
struct Right<'a> {
    matrix: Matrix<'a>,
    transposed: bool,
}

impl<'a> Right<'a> {
    fn plain(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { matrix: Matrix::new(data, rows, columns), transposed: false }
    }

    /// The transpose of a `[rows, columns]` matrix.
    fn transposed(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { matrix: Matrix::new(data, rows, columns), transposed: true }
    }
}

/// `c = a b` or `c += a b`.
fn multiply(c: &mut [f32], a: Matrix<'_>, b: Right<'_>, add: bool, product: Product) {
    let Matrix { data, rows, columns } = b.matrix;
    let width = if b.transposed { rows } else { columns };
    assert_eq!(c.len(), a.rows * width, "result shape");
    #[cfg(target_arch = "x86_64")]
    if product == Product::Avx512Bf16 {
        use super::bf16::{self, RowPanels, dense::DensePanels};
        let left = RowPanels::pack(a.data, a.rows, a.columns, a.columns);
        return bf16::multiply(&left, &DensePanels::new(data, rows, columns, b.transposed), c, width, add);
    }
    let _ = product;
    let right = View::dense(data, rows, columns);
    let right = if b.transposed { right.transposed() } else { right };
    let store = Store { stride: width, alpha: 1.0, add };
    matmul(c, store, View::dense(a.data, a.rows, a.columns), right, Threads::All);
}

fn scaled(values: &[f32], factor: f32) -> Vec<f32> {
    values.iter().map(|value| value * factor).collect()
}

/// The transpose of a `[rows, columns]` matrix; one side is the adapter's rank, so it is small.
fn transposed(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; data.len()];
    transpose(data, rows, columns, &mut out);
    out
}

/// The transpose of a `[rows, columns]` matrix into `out`.
pub(super) fn transpose(data: &[f32], rows: usize, columns: usize, out: &mut [f32]) {
    assert!(data.len() == rows * columns && out.len() == data.len(), "dense matrices");
    if out.is_empty() {
        return;
    }
    for (column, out) in out.chunks_exact_mut(rows).enumerate() {
        for (slot, value) in out.iter_mut().zip(data[column..].iter().step_by(columns)) {
            *slot = *value;
        }
    }
}
