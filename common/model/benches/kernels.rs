//! Throughput of the CPU kernels at the Qwen2.5-0.5B shape, 512 tokens, beside the processor's peak.
//!
//! Run with `cargo bench -p model --profile dev` (the dev profile optimises this crate; `--profile bench`
//! would compile everything again). Criterion's `Gelem/s` is GFLOP/s for products, and 10^9 elements a
//! second for the element-wise kernels.
#![allow(clippy::print_stderr)] // the peak is printed beside criterion's table

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use half::bf16;
use model::Compute;
use model::frozen::{DenseWeight, FrozenWeight};
use model::kernels::linear::{backward, forward};
use model::kernels::pointwise::Values;
use model::kernels::product::{Product, Rows};
use model::kernels::projection::{self, Pair, Part};
use model::kernels::{attention, cross_entropy, feed_forward, gemv, lora, norm, peak, pointwise, rotary};
use model::nf4::{Nf4Weight, SourcePrecision};
use model::segments::{Heads, Segments};

const TOKENS: usize = 512;
const HIDDEN: usize = 896;
const INTERMEDIATE: usize = 4864;

fn values(length: usize) -> Vec<f32> {
    let mut state = 1u64;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / (1 << 23) as f32 - 1.0) * 0.05
        })
        .collect()
}

fn nf4(shape: [usize; 2]) -> Option<FrozenWeight> {
    Nf4Weight::quantise(&values(shape[0] * shape[1]), shape, SourcePrecision::Bf16)
        .ok()
        .map(FrozenWeight::Nf4)
}

fn report_peak() {
    let steps = 200_000;
    let started = Instant::now();
    match peak::bf16_operations(steps) {
        Some(operations) => {
            let seconds = started.elapsed().as_secs_f64();
            eprintln!(
                "peak on all cores, the micro-kernel on operands in the first-level cache: {:.0} GFLOP/s",
                operations as f64 / seconds / 1e9
            );
        }
        None => eprintln!("peak: this processor has no AVX512-BF16"),
    }
}

fn flops(group: &mut BenchmarkGroup<'_, WallTime>, operations: usize) {
    group.throughput(Throughput::Elements(operations as u64));
}

fn products(criterion: &mut Criterion) {
    report_peak();
    let mut group = criterion.benchmark_group("linear");
    for [output, input] in [[HIDDEN, HIDDEN], [128, HIDDEN], [INTERMEDIATE, HIDDEN], [HIDDEN, INTERMEDIATE]] {
        let Some(weight) = nf4([output, input]) else { continue };
        let (x, dy) = (values(TOKENS * input), values(TOKENS * output));
        let (mut y, mut dx) = (vec![0.0; TOKENS * output], vec![0.0; TOKENS * input]);
        flops(&mut group, 2 * TOKENS * output * input);
        for compute in [Compute::Bf16, Compute::F32] {
            let product = Product::fastest(compute);
            group.bench_function(format!("nf4 forward {output}x{input} {compute:?}"), |bencher| {
                bencher.iter(|| forward(black_box(&x), Rows::all(&weight), &mut y, output, product));
            });
            group.bench_function(format!("nf4 backward {output}x{input} {compute:?}"), |bencher| {
                bencher
                    .iter(|| backward(black_box(&dy), output, Rows::all(&weight), &mut dx, false, product));
            });
        }
    }
    let (x, a, b) = (values(TOKENS * HIDDEN), values(16 * HIDDEN), values(INTERMEDIATE * 16));
    let (mut xa, mut y) = (vec![0.0; TOKENS * 16], vec![0.0; TOKENS * INTERMEDIATE]);
    let product = Product::fastest(Compute::Bf16);
    let sizes = lora::Sizes { tokens: TOKENS, input: HIDDEN, output: INTERMEDIATE, rank: 16 };
    let pair = lora::Pair { a: &a, b: &b, scaling: 2.0 };
    flops(&mut group, 2 * TOKENS * 16 * (HIDDEN + INTERMEDIATE));
    group.bench_function("lora forward 4864x896 rank 16", |bencher| {
        bencher.iter(|| lora::forward(sizes, black_box(&x), pair, &mut xa, &mut y, product));
    });
    let dy = values(TOKENS * INTERMEDIATE);
    let saved = lora::Saved { x: &x, xa: &values(TOKENS * 16), dy: &dy, pair };
    let (mut dx, mut da, mut db) = (vec![0.0; x.len()], vec![0.0; a.len()], vec![0.0; b.len()]);
    flops(&mut group, 4 * TOKENS * 16 * (HIDDEN + INTERMEDIATE));
    group.bench_function("lora backward 4864x896 rank 16", |bencher| {
        bencher.iter(|| lora::backward(sizes, &saved, &mut dx, &mut da, &mut db, product));
    });
    group.finish();
}

/// What a layer really calls: groups of linears with their adapters, and the feed-forward block.
#[cfg(target_arch = "x86_64")]
fn groups(criterion: &mut Criterion) {
    const RANK: usize = 16;
    if Product::fastest(Compute::Bf16) != Product::Avx512Bf16 {
        return;
    }
    let shapes =
        [[HIDDEN, HIDDEN], [128, HIDDEN], [128, HIDDEN], [INTERMEDIATE, HIDDEN], [HIDDEN, INTERMEDIATE]];
    let all: Option<Vec<FrozenWeight>> = shapes.iter().map(|shape| nf4(*shape)).collect();
    let Some(weights) = all else { return };
    let pairs: Vec<_> =
        shapes.iter().map(|[output, input]| (values(RANK * input), values(output * RANK))).collect();
    let part = |index: usize| {
        let (a, b) = &pairs[index];
        Part { weight: &weights[index], pair: Some(Pair { a, b, rank: RANK, scaling: 2.0 }) }
    };
    let size =
        |index: usize| shapes[index][0] * shapes[index][1] + RANK * (shapes[index][0] + shapes[index][1]);
    let mut group = criterion.benchmark_group("with rank 16");
    let (x, narrow) = (values(TOKENS * HIDDEN), || vec![0.0; TOKENS * RANK]);
    let parts = [part(0), part(1), part(2)];
    let (mut ys, mut xas) =
        ([0, 1, 2].map(|index| vec![0.0; TOKENS * shapes[index][0]]), [(); 3].map(|()| narrow()));
    flops(&mut group, 2 * TOKENS * (0..3).map(size).sum::<usize>());
    group.bench_function("query, key, value forward", |bencher| {
        bencher.iter(|| {
            let outputs = ys.iter_mut().zip(&mut xas).map(|(y, xa)| projection::Outputs { y, xa });
            projection::forward(black_box(&x), TOKENS, &parts, &mut outputs.collect::<Vec<_>>());
        });
    });
    let parts = [part(3), part(3), part(4)];
    let flops_of_block = 2 * TOKENS * (2 * size(3) + size(4));
    let kept_length = feed_forward::kept_shape(TOKENS, INTERMEDIATE).iter().product();
    let mut kept = [(); 2].map(|()| vec![bf16::ONE; kept_length]);
    let (mut y, mut xa) = (x.clone(), [(); 3].map(|()| narrow()));
    flops(&mut group, flops_of_block);
    group.bench_function("feed-forward block forward", |bencher| {
        bencher.iter(|| {
            let outputs = feed_forward::Outputs {
                y: &mut y,
                kept: kept.each_mut().map(Vec::as_mut_slice),
                xa: xa.each_mut().map(Vec::as_mut_slice),
            };
            feed_forward::forward(black_box(&x), TOKENS, parts, outputs);
        });
    });
    let mut dx = x.clone();
    let mut da = [HIDDEN, HIDDEN, INTERMEDIATE].map(|size| vec![0.0; RANK * size]);
    let mut db = [INTERMEDIATE, INTERMEDIATE, HIDDEN].map(|size| vec![0.0; RANK * size]);
    flops(&mut group, flops_of_block + 2 * TOKENS * 3 * RANK * (HIDDEN + INTERMEDIATE));
    group.bench_function("feed-forward block backward", |bencher| {
        bencher.iter(|| {
            let saved = feed_forward::Saved {
                x: black_box(&x),
                dy: &y,
                kept: kept.each_ref().map(Vec::as_slice),
                xa: xa.each_ref().map(Vec::as_slice),
            };
            let gradients = feed_forward::Gradients {
                dx: &mut dx,
                da: da.each_mut().map(Vec::as_mut_slice),
                db: db.each_mut().map(Vec::as_mut_slice),
            };
            feed_forward::backward(saved, parts, gradients);
        });
    });
    group.finish();
}

/// A token at a time, as in generation: bound by reading the weight.
fn single_rows(criterion: &mut Criterion) {
    let Some(weight) = nf4([INTERMEDIATE, HIDDEN]) else { return };
    let (x, mut y) = (values(HIDDEN), vec![0.0; INTERMEDIATE]);
    let mut group = criterion.benchmark_group("one token");
    flops(&mut group, 2 * INTERMEDIATE * HIDDEN);
    for compute in [Compute::Bf16, Compute::F32] {
        let product = Product::fastest(compute);
        group.bench_function(format!("nf4 forward {INTERMEDIATE}x{HIDDEN} {compute:?}"), |bencher| {
            bencher.iter(|| forward(black_box(&x), Rows::all(&weight), &mut y, INTERMEDIATE, product));
        });
    }
    let (a, mut xa) = (values(16 * HIDDEN), vec![0.0; 16]);
    flops(&mut group, 2 * 16 * HIDDEN);
    group.bench_function("dense 16x896", |bencher| {
        bencher.iter(|| gemv::dense(black_box(&x), &a, 1.0, &mut xa, false))
    });
    group.finish();
}

fn losses(criterion: &mut Criterion) {
    const VOCABULARY: usize = 151_936;
    const ROWS: usize = 512;
    let head = values(VOCABULARY * HIDDEN).iter().map(|value| bf16::from_f32(*value)).collect();
    let Some(head) = DenseWeight::new(head, [VOCABULARY, HIDDEN]).map(FrozenWeight::Bf16) else { return };
    let hidden = values(ROWS * HIDDEN);
    let targets: Vec<u32> = (0..ROWS as u32).map(|row| row * 293).collect();
    let mut d_hidden = vec![0.0; hidden.len()];
    let mut group = criterion.benchmark_group("linear cross-entropy");
    flops(&mut group, 4 * ROWS * VOCABULARY * HIDDEN);
    let product = Product::fastest(Compute::Bf16);
    group.bench_function("512 rows, 151936 tokens, with gradient", |bencher| {
        bencher.iter(|| {
            let gradient = Some((1.0, d_hidden.as_mut_slice()));
            cross_entropy::linear_cross_entropy(black_box(&hidden), &head, &targets, gradient, product)
        });
    });
    group.finish();
}

fn attentions(criterion: &mut Criterion) {
    let heads = Heads { query: 14, key_value: 2, head_dim: 64 };
    let (q, k, v) = (values(TOKENS * 896), values(TOKENS * 128), values(TOKENS * 128));
    let inputs = attention::Inputs { q: &q, k: &k, v: &v, heads };
    let (mut output, mut lse) = (vec![0.0; q.len()], vec![0.0; TOKENS * heads.query]);
    let (mut dq, mut dk, mut dv) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
    let segments = Segments::from_lengths(&[TOKENS]);
    let product = Product::fastest(Compute::Bf16);
    let mut group = criterion.benchmark_group("attention");
    flops(&mut group, 2 * TOKENS * TOKENS * 896);
    group.bench_function("forward", |bencher| {
        bencher.iter(|| attention::forward(black_box(inputs), &segments, &mut output, &mut lse, product));
    });
    flops(&mut group, 5 * TOKENS * TOKENS * 896);
    let saved = attention::Saved { d_output: &q, output: &output, log_sum_exp: &lse };
    group.bench_function("backward", |bencher| {
        bencher.iter(|| {
            let gradients = attention::Gradients { dq: &mut dq, dk: &mut dk, dv: &mut dv };
            attention::backward(black_box(inputs), saved, &segments, gradients, product)
        });
    });
    group.finish();
}

fn elements(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("element-wise");
    let (gate, up) = (values(TOKENS * INTERMEDIATE), values(TOKENS * INTERMEDIATE));
    let (mut h, mut dgate, mut dup) = (gate.clone(), gate.clone(), gate.clone());
    flops(&mut group, gate.len());
    group.bench_function("swiglu", |bencher| {
        bencher.iter(|| pointwise::swiglu(Values::F32(black_box(&gate)), Values::F32(&up), &mut h))
    });
    group.bench_function("swiglu backward", |bencher| {
        bencher.iter(|| {
            pointwise::swiglu_backward(
                black_box(&up),
                Values::F32(&gate),
                Values::F32(&up),
                &mut dgate,
                &mut dup,
            )
        });
    });
    let (x, weight) = (values(TOKENS * HIDDEN), values(HIDDEN));
    let (mut y, mut rstd) = (x.clone(), vec![0.0; TOKENS]);
    flops(&mut group, x.len());
    group.bench_function("rms norm", |bencher| {
        bencher.iter(|| norm::rms_norm(black_box(&x), &weight, 1e-6, &mut y, &mut rstd));
    });
    let mut dx = x.clone();
    group.bench_function("rms norm backward", |bencher| {
        bencher.iter(|| norm::rms_norm_backward(black_box(&y), &x, &rstd, &weight, &mut dx));
    });
    let (positions, angles) = ((0..TOKENS).collect::<Vec<_>>(), values(TOKENS * 32));
    let angles = rotary::Angles { cos: &angles, sin: &angles, half: 32 };
    group.bench_function("rotary", |bencher| {
        bencher.iter(|| rotary::rotary(black_box(&mut y), HIDDEN, &positions, angles, false));
    });
    group.finish();
}

#[cfg(not(target_arch = "x86_64"))]
fn groups(_: &mut Criterion) {}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(700))
}

criterion_group! { name = benches; config = short(); targets = products, groups, single_rows, attentions, elements, losses }
criterion_main!(benches);
