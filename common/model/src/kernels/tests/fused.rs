//! The kernels that finish a product tile by tile against the same steps one after the other.

use half::bf16;
use proptest::prelude::*;

use super::{has_bf16, values, weights};
use crate::kernels::cross_entropy::linear_cross_entropy;
use crate::kernels::feed_forward::{self, Gradients, Outputs, Saved, kept_shape};
use crate::kernels::pointwise::{self, Values};
use crate::kernels::product::Product;
use crate::kernels::projection::{self, Pair, Part};

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
    let weight = crate::frozen::DenseWeight::new(head, [vocabulary, width])
        .map(crate::frozen::FrozenWeight::F32)
        .unwrap();
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
fn compare_blocks(case: &Case, seed: u64) {
    if !has_bf16() {
        return;
    }
    let Case { tokens, input, width, rank } = *case;
    let (wide, narrow) = (weights([width, input], seed), weights([input, width], seed + 1));
    let matrices: Vec<Vec<f32>> =
        [input, width, input, width, width, input].iter().map(|size| values(rank * size, seed + 2)).collect();
    let pair = |index: usize| {
        (rank > 0).then(|| Pair { a: &matrices[index], b: &matrices[index + 1], rank, scaling: 0.5 })
    };
    let part = |weight, index| Part { weight, pair: pair(index) };
    let parts = [part(&wide[0], 0), part(&wide[wide.len() - 1], 2), part(&narrow[narrow.len() - 1], 4)];
    let (x, dy) = (values(tokens * input, seed + 5), values(tokens * input, seed + 6));
    let fused = fused_block(case, &x, &dy, parts);
    let plain = plain_block(case, &x, &dy, parts);
    for (index, (ours, other)) in fused.xa.iter().zip(&plain.xa).enumerate() {
        assert_close(ours, other, 0.004, &format!("xa {index}"));
    }
    assert_close(&fused.y, &plain.y, 0.004, "y");
    assert_close(&fused.dx, &plain.dx, 0.008, "dx");
    for (index, (ours, other)) in fused.da.iter().zip(&plain.da).enumerate() {
        assert_close(ours, other, 0.008, &format!("da {index}"));
    }
    for (index, (ours, other)) in fused.db.iter().zip(&plain.db).enumerate() {
        assert_close(ours, other, 0.008, &format!("db {index}"));
    }
}

/// What a block computes, forward and backward.
struct Block {
    y: Vec<f32>,
    xa: [Vec<f32>; 3],
    dx: Vec<f32>,
    da: [Vec<f32>; 3],
    db: [Vec<f32>; 3],
}

impl Block {
    /// Holding numbers that no computation gives, to find what is not written.
    fn unwritten(Case { tokens, input, width, rank }: &Case) -> Self {
        let nothing = |length: usize| vec![f32::NAN; length];
        Self {
            y: nothing(tokens * input),
            xa: [(); 3].map(|()| nothing(tokens * rank)),
            dx: nothing(tokens * input),
            da: [input, input, width].map(|size| nothing(size * rank)),
            db: [width, width, input].map(|size| nothing(size * rank)),
        }
    }
}

fn fused_block(case: &Case, x: &[f32], dy: &[f32], parts: [Part<'_>; 3]) -> Block {
    let mut block = Block::unwritten(case);
    let [rows, columns] = kept_shape(case.tokens, case.width);
    let mut kept = [(); 2].map(|()| vec![bf16::ZERO; rows * columns]);
    let outputs = Outputs {
        y: &mut block.y,
        kept: kept.each_mut().map(Vec::as_mut_slice),
        xa: block.xa.each_mut().map(Vec::as_mut_slice),
    };
    feed_forward::forward(x, case.tokens, parts, outputs);
    let saved =
        Saved { x, dy, kept: kept.each_ref().map(Vec::as_slice), xa: block.xa.each_ref().map(Vec::as_slice) };
    let gradients = Gradients {
        dx: &mut block.dx,
        da: block.da.each_mut().map(Vec::as_mut_slice),
        db: block.db.each_mut().map(Vec::as_mut_slice),
    };
    feed_forward::backward(saved, parts, gradients);
    block
}

fn plain_block(case: &Case, x: &[f32], dy: &[f32], parts: [Part<'_>; 3]) -> Block {
    let mut block = Block::unwritten(case);
    let (tokens, size) = (case.tokens, case.tokens * case.width);
    let [mut gate, mut up, mut h, mut dh, mut d_gate, mut d_up] = [(); 6].map(|()| vec![0.0; size]);
    let [gate_xa, up_xa, down_xa] = &mut block.xa;
    fn outputs<'a>(y: &'a mut [f32], xa: &'a mut [f32]) -> projection::Outputs<'a> {
        projection::Outputs { y, xa }
    }
    let mut both = [outputs(&mut gate, gate_xa), outputs(&mut up, up_xa)];
    projection::forward(x, tokens, &parts[..2], &mut both);
    pointwise::swiglu(Values::F32(&gate), Values::F32(&up), &mut h);
    projection::forward(&h, tokens, &parts[2..], &mut [outputs(&mut block.y, down_xa)]);

    // The backward pass reads what was kept in bf16.
    let kept = |values: &[f32]| values.iter().copied().map(bf16::from_f32).collect::<Vec<_>>();
    let (gate, up) = (kept(&gate), kept(&up));
    pointwise::swiglu(Values::Bf16(&gate), Values::Bf16(&up), &mut h);
    let [gate_da, up_da, down_da] = &mut block.da;
    let [gate_db, up_db, down_db] = &mut block.db;
    let of_down = projection::Gradients { dy, xa: &block.xa[2], da: down_da, db: down_db };
    projection::backward(&h, &parts[2..], &mut [of_down], &mut dh, false);
    pointwise::swiglu_backward(&dh, Values::Bf16(&gate), Values::Bf16(&up), &mut d_gate, &mut d_up);
    let of_gate = projection::Gradients { dy: &d_gate, xa: &block.xa[0], da: gate_da, db: gate_db };
    let of_up = projection::Gradients { dy: &d_up, xa: &block.xa[1], da: up_da, db: up_db };
    projection::backward(x, &parts[..2], &mut [of_gate, of_up], &mut block.dx, false);
    block
}

#[test]
fn the_feed_forward_block_matches_at_the_edges_of_tiles() {
    for (tokens, input, width, rank) in
        [(1, 1, 1, 1), (6, 64, 64, 16), (7, 65, 63, 3), (13, 1100, 130, 16), (5, 64, 1090, 0), (3, 7, 5, 2)]
    {
        compare_blocks(&Case { tokens, input, width, rank }, 11);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_loss_head_matches_on_any_shape(rows in 1usize..30, vocabulary in 1usize..700, width in 1usize..90, seed in 0u64..99) {
        compare_heads(rows, [vocabulary, width], seed);
    }

    #[test]
    fn the_feed_forward_block_matches_on_any_shape(tokens in 1usize..30, input in 1usize..200, width in 1usize..300, rank in 0usize..20, seed in 0u64..99) {
        compare_blocks(&Case { tokens, input, width, rank }, seed);
    }
}
