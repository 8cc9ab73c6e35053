//! The kernels that finish a product tile by tile against the same steps one after the other.

use half::bf16;
use proptest::prelude::*;

use super::{has_bf16, values, weights};
use crate::kernels::cross_entropy::linear_cross_entropy;
use crate::kernels::linear::Product;
use crate::kernels::pointwise::{self, Values};
use crate::kernels::projection::{self, Pair, Part};
use crate::kernels::{gated, gated::Gradients};

fn assert_close(ours: &[f32], other: &[f32], share: f32, what: &str) {
    assert_eq!(ours.len(), other.len(), "{what}");
    let size = other.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    for (index, (ours, other)) in ours.iter().zip(other).enumerate() {
        assert!((ours - other).abs() <= share * size, "{what}, element {index}: {ours} for {other}");
    }
}

fn compare_heads(rows: usize, [vocabulary, width]: [usize; 2], seed: u64) {
    if !has_bf16() {
        return;
    }
    // Large logits, so that some targets are the most likely token and some probabilities vanish.
    let hidden: Vec<f32> = values(rows * width, seed).iter().map(|value| value * 8.0).collect();
    let targets: Vec<u32> = (0..rows).map(|row| ((row * 7919 + 3) % vocabulary) as u32).collect();
    for head in weights([vocabulary, width], seed + 1) {
        let run = |product| {
            let mut d_hidden = vec![f32::NAN; hidden.len()];
            let losses = linear_cross_entropy(&hidden, &head, &targets, Some((0.25, &mut d_hidden)), product);
            let scored = linear_cross_entropy(&hidden, &head, &targets, None, product);
            let same = losses.iter().zip(&scored).all(|(a, b)| a.loss == b.loss && a.correct == b.correct);
            assert!(same, "scoring alone gives the same losses");
            (losses, d_hidden)
        };
        let (ours, portable) = (run(Product::Avx512Bf16), run(Product::RoundedBf16));
        for (row, (ours, other)) in ours.0.iter().zip(&portable.0).enumerate() {
            let close = (ours.loss - other.loss).abs() <= 1e-4 * other.loss.abs().max(1.0);
            assert!(close, "loss of row {row}: {} for {}", ours.loss, other.loss);
            assert_eq!(ours.correct, other.correct, "row {row}");
        }
        assert_close(&ours.1, &portable.1, 0.01, "gradient");
    }
}

#[test]
fn the_loss_head_matches_at_the_edges_of_tiles() {
    for (rows, shape) in [
        (1, [1, 1]),
        (6, [64, 64]),
        (7, [65, 64]),
        (5, [63, 30]),
        (13, [1030, 7]),
        (2, [300, 1100]),
        (9, [8_200, 8]),
    ] {
        compare_heads(rows, shape, 3);
    }
}

/// Equal logits: the lowest id counts as the prediction, whatever tile it is in.
#[test]
fn the_first_of_equal_logits_is_the_prediction() {
    if !has_bf16() {
        return;
    }
    let (vocabulary, width) = (200, 4);
    let mut head = vec![0.0f32; vocabulary * width];
    for token in [70, 75, 140] {
        head[token * width] = 1.0;
    }
    let weight =
        crate::ops::DenseWeight::new(head, [vocabulary, width]).map(crate::ops::FrozenWeight::F32).unwrap();
    let hidden = [1.0, 0.0, 0.0, 0.0].repeat(4);
    for product in [Product::Avx512Bf16, Product::RoundedBf16] {
        let losses = linear_cross_entropy(&hidden, &weight, &[70, 75, 140, 0], None, product);
        let correct: Vec<bool> = losses.iter().map(|row| row.correct).collect();
        assert_eq!(correct, [true, false, false, false], "{product:?}");
    }
}

struct Case {
    tokens: usize,
    input: usize,
    width: usize,
    rank: usize,
}

/// Gate, up, SwiGLU and down, fused and one after the other; `rank` 0 is no adapter.
fn compare_gated(case: &Case, seed: u64) {
    if !has_bf16() {
        return;
    }
    let Case { tokens, input, width, rank } = *case;
    let (wide, narrow) = (weights([width, input], seed), weights([input, width], seed + 1));
    let (gate_weight, up_weight) = (&wide[0], &wide[wide.len() - 1]);
    let matrices: Vec<Vec<f32>> =
        [input, width, input, width, width, input].iter().map(|size| values(rank * size, seed + 2)).collect();
    let pair = |index: usize| {
        (rank > 0).then(|| Pair { a: &matrices[index], b: &matrices[index + 1], rank, scaling: 0.5 })
    };
    let parts = [Part { weight: gate_weight, pair: pair(0) }, Part { weight: up_weight, pair: pair(2) }];
    let x = values(tokens * input, seed + 5);
    let kept = || vec![bf16::ZERO; tokens * width];
    let (mut h, mut gate, mut up) = (kept(), kept(), kept());
    let mut xa = [vec![0.0; tokens * rank], vec![0.0; tokens * rank]];
    let [first, second] = xa.each_mut().map(Vec::as_mut_slice);
    let outputs = gated::Outputs { h: &mut h, gate: &mut gate, up: &mut up, xa: [first, second] };
    gated::forward(&x, tokens, parts, outputs);

    let mut plain = [vec![0.0; tokens * width], vec![0.0; tokens * width]];
    let mut plain_xa = xa.clone();
    let mut outputs: Vec<_> =
        plain.iter_mut().zip(&mut plain_xa).map(|(y, xa)| projection::Outputs { y, xa }).collect();
    projection::forward(&x, tokens, &parts, &mut outputs);
    assert_eq!(xa, plain_xa, "the narrow products are the same");
    let wide = |values: &[bf16]| values.iter().map(|value| value.to_f32()).collect::<Vec<f32>>();
    assert_close(&wide(&gate), &plain[0], 0.004, "gate");
    assert_close(&wide(&up), &plain[1], 0.004, "up");
    let mut plain_h = vec![0.0; tokens * width];
    pointwise::swiglu(Values::F32(&plain[0]), Values::F32(&plain[1]), &mut plain_h);
    assert_close(&wide(&h), &plain_h, 0.004, "h");

    let down = Part { weight: &narrow[narrow.len() - 1], pair: pair(4) };
    let (dy, down_xa) = (values(tokens * input, seed + 6), values(tokens * rank, seed + 7));
    let saved = gated::Saved { dy: &dy, gate: &gate, up: &up, xa: &down_xa };
    let (mut d_gate, mut d_up) = (kept(), kept());
    let (mut da, mut db) = (vec![f32::NAN; rank * width], vec![f32::NAN; input * rank]);
    let gradients = Gradients { d_gate: &mut d_gate, d_up: &mut d_up, da: &mut da, db: &mut db };
    gated::backward(saved, down, gradients);

    pointwise::swiglu(Values::Bf16(&gate), Values::Bf16(&up), &mut plain_h);
    let (mut dh, mut plain_da, mut plain_db) = (plain[0].clone(), da.clone(), db.clone());
    let part =
        projection::Gradients { dy: dy.as_slice(), xa: &down_xa, da: &mut plain_da, db: &mut plain_db };
    projection::backward(&plain_h, &[down], &mut [part], &mut dh, false);
    let [mut plain_gate, mut plain_up] = plain;
    pointwise::swiglu_backward(&dh, Values::Bf16(&gate), Values::Bf16(&up), &mut plain_gate, &mut plain_up);
    assert_close(&wide(&d_gate), &plain_gate, 0.004, "d_gate");
    assert_close(&wide(&d_up), &plain_up, 0.004, "d_up");
    assert_close(&da, &plain_da, 1e-5, "da");
    assert_close(&db, &plain_db, 1e-5, "db");
}

#[test]
fn the_gated_block_matches_at_the_edges_of_tiles() {
    for (tokens, input, width, rank) in
        [(1, 1, 1, 1), (6, 64, 64, 16), (7, 65, 63, 3), (13, 1100, 130, 16), (5, 64, 1090, 0), (3, 7, 5, 2)]
    {
        compare_gated(&Case { tokens, input, width, rank }, 11);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_loss_head_matches_on_any_shape(rows in 1usize..30, vocabulary in 1usize..700, width in 1usize..90, seed in 0u64..99) {
        compare_heads(rows, [vocabulary, width], seed);
    }

    #[test]
    fn the_gated_block_matches_on_any_shape(tokens in 1usize..30, input in 1usize..200, width in 1usize..300, rank in 0usize..20, seed in 0u64..99) {
        compare_gated(&Case { tokens, input, width, rank }, seed);
    }
}
