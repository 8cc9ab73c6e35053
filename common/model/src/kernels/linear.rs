//! Products with a frozen weight: `x W^T` and `dy W`, on the best way the precision and processor allow.
//!
//! Called by `ops::flex` and by the cross-entropy kernel. Weights are widened tile by tile inside the
//! product.

use rayon::prelude::*;

use super::cpu::isa;
use super::product::{Product, Rows, round_to_bf16};
use super::view::{Threads, View};
use super::wide::weights::WeightPanels;
use super::wide::{self, Store};

/// Values a task rounds at a time.
const VALUES_A_TASK: usize = 8 * 1024;

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
        Product::F32 | Product::RoundedBf16 => {
            let round = product == Product::RoundedBf16;
            let narrow = if round { rounded(x) } else { Vec::new() };
            let x = View::dense(if round { &narrow } else { x }, tokens, rows.input());
            in_f32(x, &WeightPanels { rows, transposed: true, round }, y, stride, false);
        }
    }
}

/// `dx = dy W`, or `dx += dy W` when `add`: row `t` of `dy` starts at `dy[t * stride]`; `dx [T, in]`.
pub fn backward(dy: &[f32], stride: usize, rows: Rows<'_>, dx: &mut [f32], add: bool, product: Product) {
    let tokens = dx.len() / rows.input();
    match product {
        #[cfg(target_arch = "x86_64")]
        Product::Avx512Bf16 => {
            let dy = super::bf16::RowPanels::pack(dy, tokens, rows.count, stride);
            let panels = super::bf16::unpack::WeightPanels::backward(rows.weight, rows.first, rows.count);
            super::bf16::multiply(&dy, &panels, dx, rows.input(), add);
        }
        Product::F32 | Product::RoundedBf16 => {
            let round = product == Product::RoundedBf16;
            let narrow = if round { rounded(dy) } else { Vec::new() };
            let dy = View::rows(if round { &narrow } else { dy }, tokens, rows.count, stride);
            in_f32(dy, &WeightPanels { rows, transposed: false, round }, dx, rows.input(), add);
        }
    }
}

/// `c (+)= a b` with a weight as the right operand, in f32.
fn in_f32(a: View<'_>, b: &WeightPanels<'_>, c: &mut [f32], stride: usize, add: bool) {
    wide::multiply(isa(), a, b, c, Store { stride, alpha: 1.0, add }, Threads::All);
}

fn rounded(values: &[f32]) -> Vec<f32> {
    values.par_iter().with_min_len(VALUES_A_TASK).map(|value| round_to_bf16(*value)).collect()
}
