//! The SIMD products against the portable ones on random, ragged shapes.

use half::bf16;
use proptest::prelude::*;

use super::linear::{backward, forward};
use super::product::{Product, Rows};
use super::{attention, lora};
use crate::frozen::{DenseWeight, FrozenWeight};
use crate::nf4::{Nf4Weight, SourcePrecision};
use crate::segments::{Heads, Segments};

#[cfg(target_arch = "x86_64")]
mod fused;

/// Whether the kernels under test can run here; says so if not.
#[cfg(target_arch = "x86_64")]
fn has_bf16() -> bool {
    let has = super::cpu::detect() == super::cpu::Isa::Avx512Bf16;
    if !has {
        eprintln!("SKIPPED: this processor has no AVX512-BF16");
    }
    has
}

pub(super) fn values(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// A frozen weight in each format the unpacker distinguishes.
pub(super) fn weights(shape: [usize; 2], seed: u64) -> Vec<FrozenWeight> {
    let data = values(shape[0] * shape[1], seed);
    let mut all = vec![
        FrozenWeight::F32(DenseWeight::new(data.clone(), shape).unwrap()),
        FrozenWeight::Bf16(
            DenseWeight::new(data.iter().map(|v| bf16::from_f32(*v)).collect(), shape).unwrap(),
        ),
    ];
    for precision in [SourcePrecision::F32, SourcePrecision::Bf16, SourcePrecision::F16] {
        all.extend(Nf4Weight::quantise(&data, shape, precision).ok().map(FrozenWeight::Nf4));
    }
    all
}

fn assert_same(ours: &[f32], portable: &[f32], depth: usize, what: &str) {
    for (index, (ours, portable)) in ours.iter().zip(portable).enumerate() {
        let allowed = 4e-6 * (depth as f32).sqrt() * portable.abs().max(1.0);
        assert!((ours - portable).abs() <= allowed, "{what}, element {index}: {ours} instead of {portable}");
    }
}

#[cfg(target_arch = "x86_64")]
fn compare(tokens: usize, shape: [usize; 2], seed: u64) {
    if !has_bf16() {
        return;
    }
    let [output, input] = shape;
    let (x, dy) = (values(tokens * input, seed + 1), values(tokens * output, seed + 2));
    for weight in weights(shape, seed) {
        let run = |product: Product| {
            let mut y = vec![f32::NAN; tokens * output];
            forward(&x, Rows::all(&weight), &mut y, output, product);
            let mut dx = x.clone();
            backward(&dy, output, Rows::all(&weight), &mut dx, true, product);
            (y, dx)
        };
        let (ours, portable) = (run(Product::Avx512Bf16), run(Product::RoundedBf16));
        assert_same(&ours.0, &portable.0, input, &format!("forward {tokens} {shape:?} {weight:?}"));
        assert_same(&ours.1, &portable.1, output, &format!("backward {tokens} {shape:?} {weight:?}"));
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn bf16_products_match_at_the_edges_of_tiles() {
    for (tokens, shape) in [
        (1, [1, 1]),
        (6, [64, 64]),
        (7, [65, 64]),
        (5, [63, 128]),
        (13, [128, 192]),
        (6, [16, 1024]),
        (3, [1026, 64]),
        (12, [513, 576]),
        (4, [2, 1090]),
        (2, [1091, 33]),
        (7, [70, 1088]),
        (3, [2050, 64]),
        (2, [66, 2112]),
        // Inner dimensions that are summed in several runs.
        (7, [65, 5_190]),
        (3, [10_300, 33]),
    ] {
        compare(tokens, shape, 7);
    }
}

#[cfg(target_arch = "x86_64")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn bf16_products_match_on_any_shape(tokens in 1usize..40, output in 1usize..300, input in 1usize..300, seed in 0u64..99) {
        compare(tokens, [output, input], seed);
    }

    #[test]
    fn bf16_products_match_on_whole_blocks(tokens in 1usize..20, output in 1usize..160, blocks in 1usize..12, seed in 0u64..99) {
        compare(tokens, [output, blocks * 64], seed);
    }
}

/// A run of rows, written into wider rows of the result, touches nothing else.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_run_of_output_rows_fills_its_columns_only() {
    let weight = weights([200, 64], 3).pop().unwrap();
    let x = values(9 * 64, 4);
    let run = |product: Product| {
        let mut y = vec![-7.0; 9 * 130];
        forward(&x, Rows { weight: &weight, first: 37, count: 100 }, &mut y[20..], 130, product);
        y
    };
    if has_bf16() {
        let y = run(Product::Avx512Bf16);
        assert_same(&y, &run(Product::RoundedBf16), 64, "run of rows");
        assert!(y.chunks(130).all(|row| row[..20].iter().chain(&row[120..]).all(|value| *value == -7.0)));
    }
}

/// bf16 LoRA against f32 LoRA on operands that bf16 holds exactly.
#[cfg(target_arch = "x86_64")]
#[test]
fn bf16_lora_matches() {
    if !has_bf16() {
        return;
    }
    for (tokens, input, output, rank) in
        [(1, 1, 1, 1), (37, 200, 70, 8), (600, 65, 130, 16), (7, 64, 64, 64), (20, 30, 40, 70)]
    {
        let sizes = lora::Sizes { tokens, input, output, rank };
        let rounded = |length, seed| {
            values(length, seed).iter().map(|v| bf16::from_f32(*v).to_f32()).collect::<Vec<_>>()
        };
        let (x, xa, dy) =
            (rounded(tokens * input, 1), rounded(tokens * rank, 2), rounded(tokens * output, 3));
        let (a, b) = (rounded(rank * input, 4), rounded(output * rank, 5));
        let run = |product: Product| {
            let (mut out_xa, mut y) = (vec![f32::NAN; tokens * rank], dy.clone());
            let pair = lora::Pair { a: &a, b: &b, scaling: 0.5 };
            lora::forward(sizes, &x, pair, &mut out_xa, &mut y, product);
            let saved = lora::Saved { x: &x, xa: &xa, dy: &dy, pair };
            let (mut dx, mut da, mut db) = (x.clone(), vec![f32::NAN; a.len()], vec![f32::NAN; b.len()]);
            lora::backward(sizes, &saved, &mut dx, &mut da, &mut db, product);
            [out_xa, y, dx, da, db]
        };
        for (ours, exact) in run(Product::Avx512Bf16).iter().zip(&run(Product::F32)) {
            let size = exact.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            let close = |(ours, exact): (&f32, &f32)| (ours - exact).abs() <= 0.01 * size;
            assert!(ours.iter().zip(exact).all(close), "{sizes:?}");
        }
    }
}

/// bf16 attention against f32 attention: same result up to the rounding of operands.
#[cfg(target_arch = "x86_64")]
fn compare_attention(lengths: &[usize], heads: Heads, seed: u64) {
    if !has_bf16() {
        return;
    }
    let segments = Segments::from_lengths(lengths);
    let (rows, d) = (segments.total(), heads.head_dim);
    let rounded = |length, seed| {
        values(length, seed).iter().map(|v| bf16::from_f32(2.0 * v).to_f32()).collect::<Vec<_>>()
    };
    let (q, dy) = (rounded(rows * heads.query * d, seed), rounded(rows * heads.query * d, seed + 1));
    let (k, v) =
        (rounded(rows * heads.key_value * d, seed + 2), rounded(rows * heads.key_value * d, seed + 3));
    let inputs = attention::Inputs { q: &q, k: &k, v: &v, heads };
    let run = |product: Product| {
        let (mut y, mut lse) = (vec![f32::NAN; q.len()], vec![f32::NAN; rows * heads.query]);
        attention::forward(inputs, &segments, &mut y, &mut lse, product);
        let saved = attention::Saved { d_output: &dy, output: &y, log_sum_exp: &lse };
        let (mut dq, mut dk, mut dv) =
            (vec![f32::NAN; q.len()], vec![f32::NAN; k.len()], vec![f32::NAN; v.len()]);
        let gradients = attention::Gradients { dq: &mut dq, dk: &mut dk, dv: &mut dv };
        attention::backward(inputs, saved, &segments, gradients, product);
        [y, lse, dq, dk, dv]
    };
    let (ours, exact) = (run(Product::Avx512Bf16), run(Product::F32));
    for (name, (ours, exact)) in ["output", "lse", "dq", "dk", "dv"].iter().zip(ours.iter().zip(&exact)) {
        let size = exact.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        for (index, (ours, exact)) in ours.iter().zip(exact).enumerate() {
            // Operands have 8 significant bits; errors of a row's terms mostly cancel. Where the exact value
            // is 0, as the gradient of a query with one key is, the rounding of the sums before remains.
            assert!(
                (ours - exact).abs() <= 0.01 * size + 1e-5,
                "{name} {lengths:?} {heads:?} {index}: {ours} for {exact}"
            );
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn bf16_attention_matches_at_the_edges_of_tiles() {
    for (lengths, query, key_value, head_dim) in [
        (&[1][..], 1, 1, 2),
        (&[64, 64], 2, 1, 64),
        (&[63, 65, 3], 4, 2, 32),
        (&[200, 1, 129], 3, 3, 128),
        (&[70], 2, 2, 80),
    ] {
        compare_attention(lengths, Heads { query, key_value, head_dim }, 5);
    }
}

#[cfg(target_arch = "x86_64")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn bf16_attention_matches_on_any_shape(
        lengths in prop::collection::vec(1usize..150, 1..4),
        group in 1usize..4,
        key_value in 1usize..3,
        half in 1usize..70,
        seed in 0u64..99,
    ) {
        compare_attention(&lengths, Heads { query: group * key_value, key_value, head_dim: 2 * half }, seed);
    }
}

/// Both exponentials against f64, where neither under- nor overflows, and at the ends.
#[cfg(target_arch = "x86_64")]
#[test]
fn exponentials_are_within_two_units_in_the_last_place() {
    use super::math::{exp, exp_fused};
    for step in -8_730_000..8_830_000_i32 {
        if step % 7 != 0 {
            continue;
        }
        let x = step as f32 * 1e-5;
        let exact = f64::from(x).exp();
        for (name, value) in [("exp", exp(x)), ("fused", exp_fused(x))] {
            let error = (f64::from(value) / exact - 1.0).abs();
            assert!(error < 2.5e-7, "{name} of {x}: {value}, off by {error}");
        }
    }
    assert!(exp(f32::NAN).is_nan() && exp_fused(f32::NAN).is_nan());
    assert_eq!((exp(f32::NEG_INFINITY), exp(f32::INFINITY)), (0.0, f32::INFINITY));
    assert!(exp_fused(f32::NEG_INFINITY) < 2e-38 && exp_fused(f32::INFINITY) > 2e38);
}
