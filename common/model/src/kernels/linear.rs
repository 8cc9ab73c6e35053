//! Products with a frozen weight: `x W^T` and `dy W`, on the best way the precision and processor allow.
//!
//! Called by `ops::flex` and by the cross-entropy kernel. On the f32 way a panel of output rows is widened
//! into scratch and multiplied; nothing larger than [`PANEL_BYTES`] is ever widened.

use rayon::prelude::*;

use crate::ops::{Compute, FrozenWeight};

use super::cpu::{Isa, isa};
use super::matmul::{Threads, View, matmul};

/// Scratch for widened weight rows: 16 MiB holds any single projection of a 0.5B model.
const PANEL_BYTES: usize = 16 << 20;
/// Rows a task widens at a time.
const ROWS_A_TASK: usize = 8;

/// How a product is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// f32 operands.
    F32,
    /// Operands rounded to bf16, multiplied as f32: any processor.
    RoundedBf16,
    /// `vdpbf16ps`.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
}

impl Product {
    /// The fastest way this processor has for a precision.
    pub fn fastest(compute: Compute) -> Self {
        match (compute, isa()) {
            (Compute::F32, _) => Self::F32,
            #[cfg(target_arch = "x86_64")]
            (Compute::Bf16, Isa::Avx512Bf16) => Self::Avx512Bf16,
            _ => Self::RoundedBf16,
        }
    }
}

/// A run of output rows of a frozen weight.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// `W [out, in]`.
    pub weight: &'a FrozenWeight,
    /// First output row.
    pub first: usize,
    /// Number of rows.
    pub count: usize,
}

impl<'a> Rows<'a> {
    /// The whole weight.
    pub const fn all(weight: &'a FrozenWeight) -> Self {
        Self { weight, first: 0, count: weight.shape()[0] }
    }

    const fn input(&self) -> usize {
        self.weight.shape()[1]
    }
}

/// `y = x W^T`: `x [T, in]`; row `t` of the result starts at `y[t * stride]`.
pub fn forward(x: &[f32], rows: Rows<'_>, y: &mut [f32], stride: usize, product: Product) {
    let tokens = x.len() / rows.input();
    if tokens == 1 {
        return super::gemv::multiply(x, rows, &mut y[..rows.count], product);
    }
    match product {
        #[cfg(target_arch = "x86_64")]
        Product::Avx512Bf16 => {
            let x = super::bf16::RowPanels::pack(x, tokens, rows.input(), rows.input());
            let panels = super::bf16::unpack::WeightPanels::forward(rows.weight, rows.first, rows.count);
            super::bf16::multiply(&x, &panels, y, stride, false);
        }
        Product::F32 => forward_f32(x, rows, y, stride, false),
        Product::RoundedBf16 => forward_f32(&rounded(x), rows, y, stride, true),
    }
}

/// `dx += dy W`: row `t` of `dy` starts at `dy[t * stride]`; `dx [T, in]`.
pub fn backward(dy: &[f32], stride: usize, rows: Rows<'_>, dx: &mut [f32], product: Product) {
    let tokens = dx.len() / rows.input();
    match product {
        #[cfg(target_arch = "x86_64")]
        Product::Avx512Bf16 => {
            let dy = super::bf16::RowPanels::pack(dy, tokens, rows.count, stride);
            let panels = super::bf16::unpack::WeightPanels::backward(rows.weight, rows.first, rows.count);
            super::bf16::multiply(&dy, &panels, dx, rows.input(), true);
        }
        Product::F32 => backward_f32(dy, stride, rows, dx, false),
        Product::RoundedBf16 => backward_f32(&rounded(dy), stride, rows, dx, true),
    }
}

fn forward_f32(x: &[f32], rows: Rows<'_>, y: &mut [f32], stride: usize, round: bool) {
    let input = rows.input();
    let x = View::dense(x, x.len() / input, input);
    for_panels(rows, round, |offset, count, panel| {
        let panel = View::dense(panel, count, input).transposed();
        matmul(&mut y[offset..], stride, 0.0, 1.0, x, panel, Threads::All);
    });
}

fn backward_f32(dy: &[f32], stride: usize, rows: Rows<'_>, dx: &mut [f32], round: bool) {
    let input = rows.input();
    let tokens = dx.len() / input;
    for_panels(rows, round, |offset, count, panel| {
        let dy = View::rows(&dy[offset..], tokens, count, stride);
        matmul(dx, input, 1.0, 1.0, dy, View::dense(panel, count, input), Threads::All);
    });
}

/// Calls `use_panel(offset from first, rows, widened rows)` over the row range, in order.
fn for_panels(rows: Rows<'_>, round: bool, mut use_panel: impl FnMut(usize, usize, &[f32])) {
    let input = rows.input();
    if let (FrozenWeight::F32(dense), false) = (rows.weight, round) {
        return use_panel(
            0,
            rows.count,
            &dense.data()[rows.first * input..(rows.first + rows.count) * input],
        );
    }
    let panel_rows = (PANEL_BYTES / size_of::<f32>() / input).clamp(1, rows.count.max(1));
    let mut panel = vec![0.0; panel_rows * input];
    let mut done = 0;
    while done < rows.count {
        let count = panel_rows.min(rows.count - done);
        let panel = &mut panel[..count * input];
        panel.par_chunks_mut(ROWS_A_TASK * input).enumerate().for_each(|(chunk, out)| {
            rows.weight.rows_to_f32(rows.first + done + chunk * ROWS_A_TASK, out);
            if round {
                out.iter_mut().for_each(|value| *value = round_to_bf16(*value));
            }
        });
        use_panel(done, count, panel);
        done += count;
    }
}

fn rounded(values: &[f32]) -> Vec<f32> {
    values.par_iter().with_min_len(ROWS_A_TASK * 1024).map(|value| round_to_bf16(*value)).collect()
}

pub(super) fn round_to_bf16(value: f32) -> f32 {
    half::bf16::from_f32(value).to_f32()
}
