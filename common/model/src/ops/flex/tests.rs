//! The CPU operations against burn's own tensor operations and its autodiff, the oracle: forward values
//! and every gradient, on shapes that do not fill tiles.

use burn_autodiff::Autodiff;
use burn_tensor::activation::{log_softmax, silu, softmax};
use burn_tensor::{Int, TensorData};
use half::bf16;

use super::*;
use crate::frozen::DenseWeight;
use crate::nf4::{Nf4Weight, SourcePrecision};

type Oracle = Autodiff<Flex>;

/// Reproducible values in (-1, 1) without a random-number crate.
pub(crate) fn values(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn random<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<Flex, D> {
    Tensor::from_data(TensorData::new(values(shape.iter().product(), seed), shape), &FlexDevice)
}

fn tracked<const D: usize>(tensor: &Tensor<Flex, D>) -> Tensor<Oracle, D> {
    Tensor::<Oracle, D>::from_inner(tensor.clone()).require_grad()
}

fn constant<const D: usize>(tensor: &Tensor<Flex, D>) -> Tensor<Oracle, D> {
    Tensor::from_inner(tensor.clone())
}

#[track_caller]
fn assert_close<const D: usize>(ours: &Tensor<Flex, D>, oracle: &Tensor<Flex, D>, tolerance: f32) {
    assert_eq!(ours.dims(), oracle.dims());
    let (ours, oracle) = (ours.to_data().to_vec::<f32>().unwrap(), oracle.to_data().to_vec::<f32>().unwrap());
    for (index, (ours, oracle)) in ours.iter().zip(&oracle).enumerate() {
        let allowed = tolerance * oracle.abs().max(1.0);
        assert!((ours - oracle).abs() <= allowed, "element {index}: {ours} instead of {oracle}");
    }
}

fn dense(weight: &FrozenWeight) -> Tensor<Flex, 2> {
    let shape = weight.shape();
    let mut rows = vec![0.0; shape[0] * shape[1]];
    weight.rows_to_f32(0, &mut rows);
    Tensor::from_data(TensorData::new(rows, shape), &FlexDevice)
}

/// The same matrix in the three formats.
fn frozen(shape: [usize; 2], seed: u64) -> Vec<FrozenWeight> {
    let data = values(shape[0] * shape[1], seed);
    let narrow = data.iter().map(|value| bf16::from_f32(*value)).collect();
    let mut weights = vec![
        FrozenWeight::F32(DenseWeight::new(data.clone(), shape).unwrap()),
        FrozenWeight::Bf16(DenseWeight::new(narrow, shape).unwrap()),
    ];
    if data.len().is_multiple_of(64) {
        weights.push(FrozenWeight::Nf4(Nf4Weight::quantise(&data, shape, SourcePrecision::Bf16).unwrap()));
    }
    weights
}

#[test]
fn linear_and_its_input_gradient() {
    for shape in [[33, 128], [192, 64], [7, 5]] {
        for weight in frozen(shape, 1) {
            let (x, dy, bias) = (random([19, shape[1]], 2), random([19, shape[0]], 3), random([shape[0]], 4));
            let oracle_weight = dense(&weight);
            let weight = Flex::upload(weight, &FlexDevice);
            let y = Flex::linear(&x, &weight, Some(&bias), Compute::F32);
            let expected = x.clone().matmul(oracle_weight.clone().transpose()) + bias.unsqueeze();
            assert_close(&y, &expected, 1e-5);
            let dx = Flex::linear_input_gradient(&dy, &weight, Some(x.clone()), Compute::F32);
            assert_close(&dx, &(dy.clone().matmul(oracle_weight) + x), 1e-5);
        }
    }
}

#[test]
fn lora_matches_autodiff() {
    let (tokens, input, output, rank, scaling) = (21, 40, 24, 4, 1.5);
    let (x, a, b) = (random([tokens, input], 1), random([rank, input], 2), random([output, rank], 3));
    let (base, dy) = (random([tokens, output], 4), random([tokens, output], 5));
    let (ox, oa, ob) = (tracked(&x), tracked(&a), tracked(&b));
    let oracle =
        constant(&base) + ox.clone().matmul(oa.clone().transpose()).matmul(ob.clone().transpose()) * scaling;
    let grads = (oracle.clone() * constant(&dy)).sum().backward();

    let pair = LoraPair { a: &a, b: &b, scaling };
    let forward = Flex::lora_forward(&x, &pair, base, Compute::F32);
    assert_close(&forward.y, &oracle.inner(), 1e-5);
    let ours = Flex::lora_backward(&x, &forward.xa, &dy, &pair, None, Compute::F32);
    assert_close(&ours.dx, &ox.grad(&grads).unwrap(), 1e-5);
    assert_close(&ours.da, &oa.grad(&grads).unwrap(), 1e-5);
    assert_close(&ours.db, &ob.grad(&grads).unwrap(), 1e-5);
}

#[test]
fn rms_norm_matches_autodiff() {
    let (x, weight, dy) = (random([9, 70], 1), random([70], 2), random([9, 70], 3));
    let ox = tracked(&x);
    let variance = ox.clone().powf_scalar(2.0).mean_dim(1);
    let oracle = ox.clone() / (variance + 1e-6).sqrt() * constant(&weight).unsqueeze();
    let grads = (oracle.clone() * constant(&dy)).sum().backward();

    let ours = Flex::rms_norm(&x, &weight, 1e-6);
    assert_close(&ours.y, &oracle.inner(), 1e-5);
    let dx = Flex::rms_norm_backward(&dy, &x, &ours.rstd, &weight, Some(dy.clone()));
    assert_close(&dx, &(ox.grad(&grads).unwrap() + dy), 1e-5);
}

#[test]
fn swiglu_matches_autodiff() {
    let (gate, up, dh) = (random([5, 77], 1) * 20.0, random([5, 77], 2), random([5, 77], 3));
    let (og, ou) = (tracked(&gate), tracked(&up));
    let oracle = silu(og.clone()) * ou.clone();
    let grads = (oracle.clone() * constant(&dh)).sum().backward();

    assert_close(&Flex::swiglu(&gate, &up), &oracle.inner(), 1e-5);
    let (dgate, dup) = Flex::swiglu_backward(&dh, &gate, &up);
    assert_close(&dgate, &og.grad(&grads).unwrap(), 1e-5);
    assert_close(&dup, &ou.grad(&grads).unwrap(), 1e-5);
}

#[test]
fn swiglu_stands_extreme_activations() {
    let gate = Tensor::<Flex, 2>::from_data([[-1e30f32, -200.0, 0.0, 200.0, 1e30]], &FlexDevice);
    let up = Tensor::ones([1, 5], &FlexDevice);
    let h = Flex::swiglu(&gate, &up).to_data().to_vec::<f32>().unwrap();
    assert_eq!(h, [0.0, 0.0, 0.0, 200.0, 1e30]);
    let (dgate, _) = Flex::swiglu_backward(&up, &gate, &up);
    assert!(dgate.to_data().to_vec::<f32>().unwrap().iter().all(|value| value.is_finite()));
}

/// cos/sin table for a small theta.
fn table(positions: usize, head_dim: usize) -> RotaryTable<Flex> {
    let half = head_dim / 2;
    let angles: Vec<f32> = (0..positions * half)
        .map(|index| (index / half) as f32 / 100f32.powf((index % half) as f32 / half as f32))
        .collect();
    let make = |f: fn(f32) -> f32| {
        let data = angles.iter().map(|angle| f(*angle)).collect::<Vec<_>>();
        Tensor::from_data(TensorData::new(data, [positions, half]), &FlexDevice)
    };
    RotaryTable { cos: make(f32::cos), sin: make(f32::sin) }
}

#[test]
fn rotary_rotates_halves_and_its_inverse_undoes_it() {
    let segments = Segments::from_lengths(&[4, 0, 3]);
    let (x, table) = (random([7, 16], 1), table(4, 8));
    let y = Flex::rotary(x.clone(), 8, &table, &segments, false);
    let (before, after) = (x.to_data().to_vec::<f32>().unwrap(), y.to_data().to_vec::<f32>().unwrap());
    let (cos, sin) =
        (table.cos.to_data().to_vec::<f32>().unwrap(), table.sin.to_data().to_vec::<f32>().unwrap());
    for row in 0..7 {
        let position = if row < 4 { row } else { row - 4 };
        for column in 0..16 {
            let (head, lane) = (column / 8 * 8, column % 8);
            let rotated = if lane < 4 {
                -before[row * 16 + head + lane + 4]
            } else {
                before[row * 16 + head + lane - 4]
            };
            let angle = position * 4 + lane % 4;
            let expected = before[row * 16 + column] * cos[angle] + rotated * sin[angle];
            assert!((after[row * 16 + column] - expected).abs() < 1e-6);
        }
    }
    assert_close(&Flex::rotary(y, 8, &table, &segments, true), &x, 1e-6);
}

/// Materialised attention of one segment with burn's operations; `q`, `k`, `v` of that segment.
fn naive_attention(
    q: Tensor<Oracle, 2>,
    k: Tensor<Oracle, 2>,
    v: Tensor<Oracle, 2>,
    heads: Heads,
) -> Tensor<Oracle, 2> {
    let length = q.dims()[0];
    let split =
        |x: Tensor<Oracle, 2>, count: usize| x.reshape([length, count, heads.head_dim]).swap_dims(0, 1);
    let repeat = |x: Tensor<Oracle, 3>| {
        x.reshape([heads.key_value, 1, length, heads.head_dim]).repeat_dim(1, heads.group()).reshape([
            heads.query,
            length,
            heads.head_dim,
        ])
    };
    let (q, k, v) =
        (split(q, heads.query), repeat(split(k, heads.key_value)), repeat(split(v, heads.key_value)));
    let mask = Tensor::<Oracle, 2, Int>::ones([length, length], &FlexDevice).triu(1).bool().unsqueeze::<3>();
    let scores = q.matmul(k.swap_dims(1, 2)) / (heads.head_dim as f32).sqrt();
    let scores = scores.mask_fill(mask.repeat_dim(0, heads.query), f32::NEG_INFINITY);
    softmax(scores, 2).matmul(v).swap_dims(0, 1).reshape([length, heads.query * heads.head_dim])
}

#[test]
fn attention_matches_autodiff_in_every_segment() {
    let heads = Heads { query: 6, key_value: 2, head_dim: 8 };
    let segments = Segments::from_lengths(&[5, 131, 1, 64]);
    let total = segments.total();
    let (q, dy) = (random([total, 48], 1) * 3.0, random([total, 48], 2));
    let (k, v) = (random([total, 16], 3) * 3.0, random([total, 16], 4));
    let (oq, ok, ov) = (tracked(&q), tracked(&k), tracked(&v));
    let parts = segments
        .ranges()
        .map(|rows| {
            let part = |x: &Tensor<Oracle, 2>| x.clone().slice([rows.clone()]);
            naive_attention(part(&oq), part(&ok), part(&ov), heads)
        })
        .collect();
    let oracle = Tensor::cat(parts, 0);
    let grads = (oracle.clone() * constant(&dy)).sum().backward();

    let (y, log_sum_exp) = Flex::attention(&q, &k, &v, heads, &segments, Compute::F32);
    assert_close(&y, &oracle.inner(), 1e-5);
    let saved = SavedAttention { q: &q, k: &k, v: &v, output: &y, log_sum_exp: &log_sum_exp };
    let ours = Flex::attention_backward(&dy, &saved, heads, &segments, Compute::F32);
    assert_close(&ours.dq, &oq.grad(&grads).unwrap(), 2e-5);
    assert_close(&ours.dk, &ok.grad(&grads).unwrap(), 2e-5);
    assert_close(&ours.dv, &ov.grad(&grads).unwrap(), 2e-5);
}

#[test]
fn linear_cross_entropy_matches_autodiff() {
    for head in frozen([131, 64], 1) {
        let hidden = random([23, 64], 2);
        let targets: Vec<u32> = (0..23).map(|row| (row * 41 + 130) % 131).collect();
        let oh = tracked(&hidden);
        let logits = oh.clone().matmul(constant(&dense(&head)).transpose());
        let indices: Vec<i32> = targets.iter().map(|target| target.cast_signed()).collect();
        let indices = Tensor::<Oracle, 2, Int>::from_data(TensorData::new(indices, [23, 1]), &FlexDevice);
        let losses = log_softmax(logits.clone(), 1).gather(1, indices.clone()).neg();
        let best = logits.inner().argmax(1).to_data().to_vec::<i32>().unwrap();
        let grads = (losses.clone() * 0.25).sum().backward();

        let head = Flex::upload(head, &FlexDevice);
        let ours = Flex::linear_cross_entropy(&hidden, &head, &targets, Some(0.25), Compute::F32);
        let expected = losses.inner().to_data().to_vec::<f32>().unwrap();
        for (ours, expected) in ours.losses.iter().zip(&expected) {
            assert!((ours - f64::from(*expected)).abs() < 1e-5);
        }
        let hits =
            best.iter().zip(&targets).filter(|(best, target)| best.cast_unsigned() == **target).count();
        assert_eq!(ours.correct(), hits as u64);
        assert_close(&ours.d_hidden.unwrap(), &oh.grad(&grads).unwrap(), 1e-5);

        let evaluated = Flex::linear_cross_entropy(&hidden, &head, &targets, None, Compute::F32);
        assert_eq!(evaluated.losses, ours.losses);
        assert!(evaluated.d_hidden.is_none());
    }
}

#[test]
fn linear_cross_entropy_kl_matches_autodiff() {
    let (weight, scale) = (0.7_f32, 0.25_f32);
    for head in frozen([131, 64], 1) {
        let (hidden, base_hidden) = (random([23, 64], 2), random([23, 64], 3));
        let targets: Vec<u32> = (0..23).map(|row| (row * 41 + 130) % 131).collect();
        let oh = tracked(&hidden);
        let table = constant(&dense(&head)).transpose();
        let log_q = log_softmax(oh.clone().matmul(table.clone()), 1);
        let log_p = log_softmax(constant(&base_hidden).matmul(table), 1);
        let indices: Vec<i32> = targets.iter().map(|target| target.cast_signed()).collect();
        let indices = Tensor::<Oracle, 2, Int>::from_data(TensorData::new(indices, [23, 1]), &FlexDevice);
        let losses = log_q.clone().gather(1, indices).neg();
        let divergences = (log_p.clone().exp() * (log_p - log_q)).sum_dim(1);
        let grads = ((losses.clone() + divergences.clone() * weight) * scale).sum().backward();

        let head = Flex::upload(head, &FlexDevice);
        let run = |base: &Tensor<Flex, 2>, scale| {
            let penalty = BasePenalty { hidden: base, weight };
            Flex::linear_cross_entropy_kl(&hidden, penalty, &head, &targets, scale, Compute::F32)
        };
        let ours = run(&base_hidden, Some(scale));
        assert_close(&ours.cross_entropy.d_hidden.clone().unwrap(), &oh.grad(&grads).unwrap(), 1e-5);
        let expected = divergences.inner().to_data().to_vec::<f32>().unwrap();
        assert!(expected.iter().all(|value| *value > 0.1), "the case has something to measure");
        for (ours, expected) in ours.divergences.iter().zip(&expected) {
            assert!((ours - f64::from(*expected)).abs() < 2e-5 * ours, "{ours} {expected}");
        }
        let plain = Flex::linear_cross_entropy(&hidden, &head, &targets, Some(scale), Compute::F32);
        assert_eq!((&ours.cross_entropy.losses, &ours.cross_entropy.hits), (&plain.losses, &plain.hits));
        // At the base itself the penalty is nothing, and so is its gradient: bit by bit.
        let untouched = run(&hidden, Some(scale));
        assert!(untouched.divergences.iter().all(|value| *value == 0.0));
        assert_close(&untouched.cross_entropy.d_hidden.unwrap(), &plain.d_hidden.unwrap(), 0.0);
        let evaluated = run(&base_hidden, None);
        assert_eq!(evaluated.divergences, ours.divergences);
        assert!(evaluated.cross_entropy.d_hidden.is_none());
    }
}

#[test]
fn rows_are_looked_up_gathered_and_scattered() {
    for table in frozen([10, 64], 1) {
        let expected = dense(&table);
        let table = Flex::upload(table, &FlexDevice);
        let rows = Flex::embedding(&table, &[9, 0, 9], &FlexDevice);
        assert_close(&rows, &Flex::gather_rows(&expected, &[9, 0, 9]), 0.0);
    }
    let x = random([3, 4], 2);
    let scattered = Flex::scatter_rows(&x, &[4, 1, 2], 6);
    assert_close(&Flex::gather_rows(&scattered, &[4, 1, 2]), &x, 0.0);
    assert_eq!(scattered.abs().sum().into_scalar(), x.abs().sum().into_scalar());
}

#[test]
fn in_place_operations_leave_shared_tensors_alone() {
    let (x, y) = (random([3, 4], 1), random([3, 4], 2));
    let sum = Flex::add(x.clone(), &y);
    assert_close(&sum, &(x.clone() + y), 0.0);
    assert_close(&x, &random([3, 4], 1), 0.0);
}

#[test]
fn the_same_call_gives_the_same_bytes_on_any_number_of_threads() {
    let heads = Heads { query: 6, key_value: 2, head_dim: 8 };
    let segments = Segments::from_lengths(&[100, 33]);
    let (q, k, v) = (random([133, 48], 1), random([133, 16], 3), random([133, 16], 4));
    let head = Flex::upload(frozen([512, 48], 5).remove(1), &FlexDevice);
    let targets: Vec<u32> = (0..133).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (y, lse) = Flex::attention(&q, &k, &v, heads, &segments, Compute::F32);
            let saved = SavedAttention { q: &q, k: &k, v: &v, output: &y, log_sum_exp: &lse };
            let grads = Flex::attention_backward(&y, &saved, heads, &segments, Compute::F32);
            let loss = Flex::linear_cross_entropy(&y, &head, &targets, Some(1.0), Compute::F32);
            let tensors = [y, grads.dq, grads.dk, grads.dv, loss.d_hidden.unwrap()];
            (tensors.map(|tensor| tensor.to_data().to_vec::<f32>().unwrap()), loss.losses)
        })
    };
    assert!(run(1) == run(1) && run(1) == run(3));
}

#[test]
fn a_weight_unpacked_once_gives_the_same_bits() {
    for precision in [SourcePrecision::F32, SourcePrecision::Bf16, SourcePrecision::F16] {
        let shape = [48, 64];
        let packed = Nf4Weight::quantise(&values(48 * 64, 1), shape, precision).unwrap();
        let packed = Flex::upload(FrozenWeight::Nf4(packed), &FlexDevice);
        let cached = Flex::cached(packed.clone(), Compute::Bf16, &FlexDevice);
        assert!(matches!(&*cached, FrozenWeight::Bf16(_)));
        let (x, dy) = (random([19, 64], 2), random([19, 48], 3));
        let y = |weight| Flex::linear(&x, weight, None, Compute::Bf16).into_data();
        assert_eq!(y(&packed), y(&cached), "{precision:?}");
        let dx = |weight| Flex::linear_input_gradient(&dy, weight, None, Compute::Bf16).into_data();
        assert_eq!(dx(&packed), dx(&cached), "{precision:?}");
    }
}

/// A sequence fed in runs of rows: the kernel, burn's own operations, and attention over the whole at once.
#[test]
fn cached_attention_is_attention_over_the_whole_sequence() {
    for (heads, runs) in [
        (Heads { query: 6, key_value: 2, head_dim: 8 }, vec![5, 1, 1, 70, 1]),
        (Heads { query: 3, key_value: 3, head_dim: 10 }, vec![1, 130, 2]),
        (Heads { query: 4, key_value: 1, head_dim: 4 }, vec![1, 1, 1]),
    ] {
        let total: usize = runs.iter().sum();
        let (wide, narrow) = (heads.query * heads.head_dim, heads.key_value * heads.head_dim);
        let (q, k, v) = (random([total, wide], 1), random([total, narrow], 2), random([total, narrow], 3));
        let segments = Segments::from_lengths(&[total]);
        let (whole, _) = Flex::attention(&q, &k, &v, heads, &segments, Compute::F32);
        let mut ours = KeyValueCache::<Flex>::new(runs[0], narrow, &FlexDevice);
        let mut plain = ours.clone();
        let mut first = 0;
        for rows in runs {
            let part = |tensor: &Tensor<Flex, 2>| tensor.clone().slice(first..first + rows);
            let (q, k, v) = (part(&q), part(&k), part(&v));
            for cache in [&mut ours, &mut plain] {
                cache.reserve(first + rows);
            }
            let found = Flex::cached_attention(&q, &k, &v, &mut ours, heads, Compute::F32);
            let oracle = crate::ops::cached::attention(&q, &k, &v, &mut plain, heads);
            assert_close(&found, &oracle, 1e-5);
            assert_close(&found, &part(&whole), 1e-5);
            first += rows;
            assert_eq!((ours.length, plain.length), (first, first));
            // What is forgotten is written over: the next run must not see it.
            let junk = |width| random([1, width], 9);
            ours.reserve(first + 1);
            Flex::cached_attention(&junk(wide), &junk(narrow), &junk(narrow), &mut ours, heads, Compute::F32);
            ours.truncate(first);
        }
    }
}

#[test]
fn what_swiglu_keeps_serves_its_backward_pass() {
    for compute in [Compute::F32, Compute::Bf16] {
        let shape = [37, 1_000];
        let (gate, up, dh) = (random(shape, 1), random(shape, 2), random(shape, 3));
        let [h, kept_gate, kept_up] = Flex::swiglu_keeping(gate.clone(), up.clone(), compute);
        assert_close(&h, &Flex::swiglu(&gate, &up), 0.0);
        let allowed = if compute == Compute::F32 { 0.0 } else { 0.02 };
        assert_close(&Flex::swiglu(&kept_gate, &kept_up), &h, allowed);
        let (dgate, dup) = Flex::swiglu_backward(&dh, &kept_gate, &kept_up);
        let (exact_dgate, exact_dup) = Flex::swiglu_backward(&dh, &gate, &up);
        assert_close(&dgate, &exact_dgate, allowed);
        assert_close(&dup, &exact_dup, allowed);
    }
}

/// The device's way for groups against the composition of single operations, and that against autodiff
/// elsewhere.
#[test]
fn a_group_of_projections_is_its_members() {
    use crate::ops::{LoraPair, Projection, project as composed};
    let (tokens, input, rank) = (23, 128, 8);
    let x = random([tokens, input], 1);
    let weights: Vec<_> =
        [64, 96].map(|output| Flex::upload(frozen([output, input], 2).remove(2), &FlexDevice)).into();
    let a = random([rank, input], 3);
    let bs = [random([64, rank], 4), random([96, rank], 5)];
    let bias = random([64], 6);
    let pair = |b| Some(LoraPair { a: &a, b, scaling: 0.5 });
    let parts = [
        Projection { weight: &weights[0], bias: Some(&bias), pair: pair(&bs[0]) },
        Projection { weight: &weights[1], bias: None, pair: pair(&bs[1]) },
    ];
    let dys = [random([tokens, 64], 7), random([tokens, 96], 8)];
    for (compute, tolerance) in [(Compute::F32, 0.0), (Compute::Bf16, 0.05)] {
        let ours = Flex::project(&x, &parts, compute);
        let single = composed::forward(&x, &parts, compute);
        for ((y, xa), (single_y, single_xa)) in ours.iter().zip(&single) {
            assert_close(y, single_y, tolerance);
            assert_close(xa.as_ref().unwrap(), single_xa.as_ref().unwrap(), tolerance);
        }
        let read = [0, 1].map(|index| (&dys[index], single[index].1.as_ref()));
        let ours = Flex::project_backward(&x, &parts, &read, Some(x.clone()), compute);
        let single = composed::backward(&x, &parts, &read, Some(x.clone()), compute);
        assert_close(&ours.dx, &single.dx, tolerance);
        for (ours, single) in ours.pairs.iter().zip(&single.pairs) {
            let ((da, db), (single_da, single_db)) = (ours.as_ref().unwrap(), single.as_ref().unwrap());
            assert_close(da, single_da, tolerance);
            assert_close(db, single_db, tolerance);
        }
    }
}
