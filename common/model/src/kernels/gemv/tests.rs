//! One row of activations against the plain sum of products in f64, in every format, way and awkward width.

use half::bf16;

use super::*;
use crate::frozen::DenseWeight;
use crate::kernels::cpu::{Isa, detect};
use crate::nf4::{Nf4Weight, SourcePrecision};
use crate::ops::flex::tests::values;

fn weights(shape: [usize; 2]) -> Vec<FrozenWeight> {
    let data = values(shape[0] * shape[1], 5);
    let narrow = data.iter().map(|value| bf16::from_f32(*value)).collect();
    let mut weights = vec![
        FrozenWeight::F32(DenseWeight::new(data.clone(), shape).unwrap()),
        FrozenWeight::Bf16(DenseWeight::new(narrow, shape).unwrap()),
    ];
    if data.len().is_multiple_of(64) {
        for precision in [SourcePrecision::Bf16, SourcePrecision::F32, SourcePrecision::F16] {
            weights.push(FrozenWeight::Nf4(Nf4Weight::quantise(&data, shape, precision).unwrap()));
        }
    }
    weights
}

#[test]
fn a_single_row_is_the_plain_sum() {
    let mut products = vec![Product::F32, Product::RoundedBf16];
    #[cfg(target_arch = "x86_64")]
    if detect() == Isa::Avx512Bf16 {
        products.push(Product::Avx512Bf16);
    }
    for shape in [[130, 64], [70, 192], [64, 40], [3, 896], [5, 7], [2, 161]] {
        let x = values(shape[1], 6);
        for weight in weights(shape) {
            for product in products.iter().copied() {
                let narrow = |value: f32| if product == Product::F32 { value } else { round_to_bf16(value) };
                let rows = Rows { weight: &weight, first: 1, count: shape[0] - 1 };
                let mut y = vec![f32::NAN; rows.count];
                multiply(&x, rows, &mut y, product);
                let mut wide = vec![0.0; shape[1]];
                for (index, y) in y.iter().enumerate() {
                    weight.rows_to_f32(index + 1, &mut wide);
                    let terms =
                        wide.iter().zip(&x).map(|(w, x)| f64::from(narrow(*w)) * f64::from(narrow(*x)));
                    let (sum, size) =
                        terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
                    // Sums in f32 of up to 896 terms.
                    assert!(
                        (f64::from(*y) - sum).abs() <= 1e-6 * size + 1e-9,
                        "{shape:?} {product:?}: {y} {sum}"
                    );
                }
            }
        }
    }
}

#[test]
fn an_adapters_matrix_is_added_scaled() {
    let (x, matrix) = (values(24, 1), values(24 * 37, 2));
    let mut y = vec![1.0; 37];
    dense(&x, &matrix, 0.5, &mut y, true);
    for (y, row) in y.iter().zip(matrix.chunks_exact(24)) {
        let sum: f64 = row.iter().zip(&x).map(|(m, x)| f64::from(*m) * f64::from(*x)).sum();
        assert!((f64::from(*y) - (1.0 + 0.5 * sum)).abs() < 1e-6);
    }
    dense(&x, &matrix, 1.0, &mut y, false);
    assert!((f64::from(y[0]) - f64::from(dot(&x, &matrix[..24]))).abs() < 1e-6);
}
