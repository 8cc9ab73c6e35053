//! Throughput of the CPU kernels at the Qwen2.5-0.5B shape, 512 tokens, beside the processor's peak.
//!
//! Run with `cargo bench -p model --profile dev` (the dev profile optimises this crate; `--profile bench`
//! would compile everything again). Criterion's `Gelem/s` is GFLOP/s for products, and 10^9 elements a
//! second for the element-wise kernels.
#![allow(clippy::print_stderr)] // the peak is printed beside criterion's table

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use half::bf16;
use model::kernels::linear::{Product, Rows, backward, forward};
use model::kernels::pointwise::Values;
use model::kernels::{attention, cross_entropy, lora, norm, peak, pointwise};
use model::nf4::{Nf4Weight, SourcePrecision};
use model::ops::{Compute, DenseWeight, FrozenWeight, Heads, Segments};

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
    let steps = 20_000_000;
    let started = Instant::now();
    match peak::bf16_operations(steps) {
        Some(operations) => {
            let seconds = started.elapsed().as_secs_f64();
            eprintln!("peak of vdpbf16ps on all cores: {:.0} GFLOP/s", operations as f64 / seconds / 1e9);
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
    flops(&mut group, 2 * TOKENS * 16 * (HIDDEN + INTERMEDIATE));
    group.bench_function("lora forward 4864x896 rank 16", |bencher| {
        bencher.iter(|| lora::forward(sizes, black_box(&x), &a, &b, 2.0, &mut xa, &mut y, product));
    });
    let dy = values(TOKENS * INTERMEDIATE);
    let saved = lora::Saved { x: &x, xa: &values(TOKENS * 16), dy: &dy, a: &a, b: &b };
    let (mut dx, mut da, mut db) = (vec![0.0; x.len()], vec![0.0; a.len()], vec![0.0; b.len()]);
    flops(&mut group, 4 * TOKENS * 16 * (HIDDEN + INTERMEDIATE));
    group.bench_function("lora backward 4864x896 rank 16", |bencher| {
        bencher.iter(|| lora::backward(sizes, &saved, 2.0, &mut dx, &mut da, &mut db, product));
    });
    group.finish();
}

fn losses(criterion: &mut Criterion) {
    const VOCABULARY: usize = 151_936;
    const ROWS: usize = 128;
    let head = values(VOCABULARY * HIDDEN).iter().map(|value| bf16::from_f32(*value)).collect();
    let Some(head) = DenseWeight::new(head, [VOCABULARY, HIDDEN]).map(FrozenWeight::Bf16) else { return };
    let hidden = values(ROWS * HIDDEN);
    let targets: Vec<u32> = (0..ROWS as u32).map(|row| row * 1009).collect();
    let mut d_hidden = vec![0.0; hidden.len()];
    let mut group = criterion.benchmark_group("linear cross-entropy");
    flops(&mut group, 4 * ROWS * VOCABULARY * HIDDEN);
    let product = Product::fastest(Compute::Bf16);
    group.bench_function("128 rows, 151936 tokens, with gradient", |bencher| {
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
            attention::backward(black_box(inputs), saved, &segments, &mut dq, &mut dk, &mut dv, product)
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
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(700))
}

criterion_group! { name = benches; config = short(); targets = products, attentions, elements, losses }
criterion_main!(benches);
