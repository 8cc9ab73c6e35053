//! `y = W x` for one row of activations: what generating a token costs.
//!
//! Called by `linear` and `lora`. Bound by reading the weight once, so nothing is unpacked into tiles: each
//! output is one dot product over the weight's row as it lies in memory. Operands are rounded as in the tiled
//! products.

use rayon::prelude::*;

use super::cpu::widest;
use super::math;
use super::product::{OUTPUTS_A_TASK, Product, Rows, round_to_bf16};
use crate::frozen::FrozenWeight;

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
mod tests;

/// `y [rows.count] = W x` for `x [in]`.
pub fn multiply(x: &[f32], rows: Rows<'_>, y: &mut [f32], product: Product) {
    assert!(x.len() == rows.weight.shape()[1] && y.len() == rows.count, "one row in, one row out");
    assert!(rows.first + rows.count <= rows.weight.shape()[0], "rows inside the weight");
    #[cfg(target_arch = "x86_64")]
    if product == Product::Avx512Bf16 && avx512::multiply(x, rows, y) {
        return;
    }
    let round = product != Product::F32;
    let narrow: Vec<f32> = if round { x.iter().map(|x| round_to_bf16(*x)).collect() } else { Vec::new() };
    let x = if round { &narrow } else { x };
    y.par_chunks_mut(OUTPUTS_A_TASK).enumerate().for_each(|(task, y)| {
        let mut wide = vec![0.0; x.len()];
        for (index, y) in y.iter_mut().enumerate() {
            let row = rows.first + task * OUTPUTS_A_TASK + index;
            *y = match (rows.weight, round) {
                (FrozenWeight::F32(weight), false) => dot(x, &weight.data()[row * x.len()..][..x.len()]),
                (weight, _) => {
                    weight.rows_to_f32(row, &mut wide);
                    if round {
                        wide.iter_mut().for_each(|value| *value = round_to_bf16(*value));
                    }
                    dot(x, &wide)
                }
            };
        }
    });
}

/// `y (+)= scale * M x` for a dense `M [y.len(), x.len()]` in f32: the matrices of an adapter.
pub fn dense(x: &[f32], matrix: &[f32], scale: f32, y: &mut [f32], add: bool) {
    assert_eq!(matrix.len(), x.len() * y.len(), "dense matrix");
    y.par_chunks_mut(16 * OUTPUTS_A_TASK).zip(matrix.par_chunks(16 * OUTPUTS_A_TASK * x.len())).for_each(
        |(y, matrix)| {
            for (y, row) in y.iter_mut().zip(matrix.chunks_exact(x.len())) {
                *y = if add { *y } else { 0.0 } + scale * dot(x, row);
            }
        },
    );
}

widest! {
    fn dot(x: &[f32], row: &[f32]) -> f32 {
        let row = &row[..x.len()];
        math::sum_by(x.len(), |index| x[index] * row[index])
    }
}
