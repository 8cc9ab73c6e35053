//! Strided matrices of f32, and on which threads a product runs. Used by `matmul`, `wide`, `attention` and
//! `lora`. Invariant: a view lies inside its slice, which is checked once, when it is made.

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

    pub(super) const fn row_count(&self) -> usize {
        self.rows
    }

    pub(super) const fn column_count(&self) -> usize {
        self.columns
    }

    /// The data from an element on, and the strides along rows and columns.
    pub(super) fn from(&self, row: usize, column: usize) -> (&'a [f32], [usize; 2]) {
        let start = (row * self.row_stride + column * self.column_stride).min(self.data.len());
        (&self.data[start..], [self.row_stride, self.column_stride])
    }
}

/// Elements from the first to one past the last.
pub(super) const fn extent(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
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
