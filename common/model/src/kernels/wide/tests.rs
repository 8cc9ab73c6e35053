//! Every f32 micro-kernel against a plain sum in f64, and every way of filling tiles.

use proptest::prelude::*;

use super::weights::WeightPanels;
use super::*;
use crate::kernels::product::{Rows, round_to_bf16};
use crate::kernels::tests::{values, weights};

const ALL: [Isa; 4] = [Isa::Avx512Bf16, Isa::Avx512, Isa::Avx2, Isa::Portable];

fn available() -> impl Iterator<Item = Isa> {
    ALL.into_iter().filter(|isa| isa.is_available())
}

/// `alpha a b (+ c)` of row-major `a [m, k]`, `b [k, n]`.
fn plain(a: &[f32], b: &[f32], c: &[f32], [m, n, k]: [usize; 3], alpha: f32) -> Vec<f64> {
    let sum = |i: usize, j: usize| -> f64 {
        (0..k).map(|l| f64::from(a[i * k + l]) * f64::from(b[l * n + j])).sum::<f64>()
    };
    (0..m * n).map(|index| f64::from(alpha) * sum(index / n, index % n) + f64::from(c[index])).collect()
}

fn transposed(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..data.len()).map(|index| data[index % rows * columns + index / rows]).collect()
}

fn assert_close(ours: &[f32], exact: &[f64], depth: usize, what: &str) {
    for (index, (ours, exact)) in ours.iter().zip(exact).enumerate() {
        let allowed = 1e-6 * (depth as f64).sqrt() * exact.abs().max(1.0) + 1e-6;
        assert!((f64::from(*ours) - exact).abs() <= allowed, "{what}, element {index}: {ours} for {exact}");
    }
}

fn check_dense(sizes: [usize; 3], seed: u64) {
    let [m, n, k] = sizes;
    let (a, b, c) = (values(m * k, seed), values(k * n, seed + 1), values(m * n, seed + 2));
    let (at, bt) = (transposed(&a, m, k), transposed(&b, k, n));
    for isa in available() {
        for (turn_a, turn_b, add) in
            [(false, false, false), (true, false, true), (false, true, true), (true, true, false)]
        {
            let left = if turn_a { View::dense(&at, k, m).transposed() } else { View::dense(&a, m, k) };
            let right = if turn_b { View::dense(&bt, n, k).transposed() } else { View::dense(&b, k, n) };
            // Columns beyond the result must stay as they are.
            let stride = n + 3;
            let mut out = vec![-7.0; m * stride];
            for (out, c) in out.chunks_exact_mut(stride).zip(c.chunks_exact(n)) {
                out[..n].copy_from_slice(c);
            }
            multiply(isa, left, &right, &mut out, Store { stride, alpha: 0.5, add }, Threads::One);
            let zero = vec![0.0; m * n];
            let exact = plain(&a, &b, if add { &c } else { &zero }, sizes, 0.5);
            let result: Vec<f32> = out.chunks_exact(stride).flat_map(|row| &row[..n]).copied().collect();
            assert_close(&result, &exact, k, &format!("{isa:?} {sizes:?} {turn_a} {turn_b} {add}"));
            assert!(out.chunks_exact(stride).all(|row| row[n..].iter().all(|value| *value == -7.0)));
        }
    }
}

#[test]
fn dense_products_match_at_the_edges_of_tiles() {
    let sizes: &[_] = if cfg!(miri) {
        &[[1, 1, 1], [7, 65, 3], [5, 16, 2], [2, 63, 9]]
    } else {
        &[[1, 1, 1], [6, 64, 256], [7, 65, 257], [5, 16, 3], [13, 130, 40], [2, 63, 513], [12, 48, 1]]
    };
    for sizes in sizes {
        check_dense(*sizes, 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 24 }))]
    #[test]
    fn dense_products_match_on_any_shape(m in 1usize..20, n in 1usize..150, k in 1usize..300, seed in 0u64..99) {
        let k = if cfg!(miri) { k.div_ceil(32) } else { k };
        check_dense([m, n, k], seed);
    }
}

/// A frozen weight as right operand, forward and backward, in every format, rounded and not.
fn check_weights(tokens: usize, [output, input]: [usize; 2], seed: u64) {
    for weight in weights([output, input], seed) {
        let mut dense = vec![0.0; output * input];
        weight.rows_to_f32(0, &mut dense);
        // Only some of the rows, as the loss head may ask for.
        let rows = Rows { weight: &weight, first: output / 3, count: output - output / 3 };
        for (isa, round) in available().flat_map(|isa| [(isa, false), (isa, true)]) {
            let used: Vec<f32> = dense[rows.first * input..]
                .iter()
                .map(|value| if round { round_to_bf16(*value) } else { *value })
                .collect();
            for forward in [true, false] {
                let sizes = if forward { [tokens, rows.count, input] } else { [tokens, input, rows.count] };
                let b = if forward { transposed(&used, rows.count, input) } else { used.clone() };
                let x = values(tokens * sizes[2], seed + 5);
                let mut out = vec![f32::NAN; tokens * sizes[1]];
                let panels = WeightPanels { rows, transposed: forward, round };
                let store = Store { stride: sizes[1], alpha: 1.0, add: false };
                multiply(isa, View::dense(&x, tokens, sizes[2]), &panels, &mut out, store, Threads::All);
                let exact = plain(&x, &b, &vec![0.0; out.len()], sizes, 1.0);
                assert_close(
                    &out,
                    &exact,
                    sizes[2],
                    &format!("{isa:?} {round} {forward} {sizes:?} {weight:?}"),
                );
            }
        }
    }
}

#[test]
fn weights_are_widened_exactly() {
    let shapes: &[_] = if cfg!(miri) {
        &[(2, [7, 64])]
    } else {
        &[(3, [70, 128]), (7, [65, 192]), (1, [2, 64]), (6, [300, 65]), (4, [33, 577])]
    };
    for (tokens, shape) in shapes {
        check_weights(*tokens, *shape, 11);
    }
}

#[test]
fn an_empty_inner_dimension_gives_zero() {
    for isa in available() {
        let mut out = [1.0; 6];
        let (a, b) = (View::dense(&[], 2, 0), View::dense(&[], 0, 3));
        multiply(isa, a, &b, &mut out, Store { stride: 3, alpha: 1.0, add: false }, Threads::One);
        assert_eq!(out, [0.0; 6], "{isa:?}");
    }
}
