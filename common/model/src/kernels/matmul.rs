//! f32 matrix product through the `gemm` crate (AVX-512, AVX2 or portable, chosen at run time).
//!
//! Used by every kernel when the precision is f32, and for the small products of LoRA and attention.
//! The safe wrapper checks that both views lie inside their slices.

use gemm::Parallelism;

/// A strided read-only matrix.
#[derive(Clone, Copy)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Row-major `[rows, columns]` whose rows start `stride` elements apart.
    pub fn rows(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        let view = Self { data, rows, columns, row_stride: stride, column_stride: 1 };
        assert!(extent(rows, columns, stride, 1) <= data.len(), "matrix inside its slice");
        view
    }

    /// Row-major and dense.
    pub fn dense(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::rows(data, rows, columns, columns)
    }

    /// The transpose, without copying.
    pub const fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// Elements from the first to one past the last.
const fn extent(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + (columns - 1) * column_stride + 1 }
}

/// Whether a product may use all cores or stays on the calling thread (inside a parallel task).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The rayon pool.
    All,
    /// This thread.
    One,
}

/// `c = beta * c + alpha * a b`, with `c` row-major, its rows `stride` elements apart.
///
/// `beta` is 0 (then `c` is not read) or any factor.
pub fn matmul(
    c: &mut [f32],
    stride: usize,
    beta: f32,
    alpha: f32,
    a: View<'_>,
    b: View<'_>,
    threads: Threads,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "inner dimensions agree");
    assert!(n <= stride && extent(m, n, stride, 1) <= c.len(), "result inside its slice");
    if m == 0 || n == 0 {
        return;
    }
    let parallelism = match threads {
        Threads::All => Parallelism::Rayon(0),
        Threads::One => Parallelism::None,
    };
    // SAFETY: `View::rows` and the assertions above keep every index i*row_stride + j*column_stride
    // inside the three slices; `c` is exclusively borrowed, so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            stride.cast_signed(),
            beta != 0.0,
            a.data.as_ptr(),
            a.column_stride.cast_signed(),
            a.row_stride.cast_signed(),
            b.data.as_ptr(),
            b.column_stride.cast_signed(),
            b.row_stride.cast_signed(),
            beta,
            alpha,
            false,
            false,
            false,
            parallelism,
        );
    }
}
