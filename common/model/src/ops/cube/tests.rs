//! The GPU operations against the CPU's, on shapes that fill no tile, on a software Vulkan driver (no bf16
//! there: operands are rounded to bf16 and stay f32). `cargo test -p model --features gpu-kernel-tests`.

use burn_flex::{Flex, FlexDevice};
use burn_tensor::TensorData;
use burn_wgpu::{Wgpu, WgpuDevice};
use half::bf16;

use super::*;
use crate::frozen::DenseWeight;
use crate::nf4::{Nf4Weight, SourcePrecision};
use crate::ops::flex::tests::values;

type Gpu = Wgpu<f32, i32, u32>;

/// A tensor on both devices.
#[derive(Clone)]
struct Both<const D: usize>(Tensor<Flex, D>, Tensor<Gpu, D>);

fn both<const D: usize>(data: Vec<f32>, shape: [usize; D]) -> Both<D> {
    let data = TensorData::new(data, shape);
    Both(Tensor::from_data(data.clone(), &FlexDevice), Tensor::from_data(data, &WgpuDevice::default()))
}

fn random<const D: usize>(shape: [usize; D], seed: u64) -> Both<D> {
    both(values(shape.iter().product(), seed), shape)
}

#[track_caller]
fn assert_close<const D: usize>(gpu: Tensor<Gpu, D>, cpu: Tensor<Flex, D>, tolerance: f32) {
    assert_eq!(gpu.dims(), cpu.dims());
    let (gpu, cpu) = (gpu.into_data().to_vec::<f32>().unwrap(), cpu.into_data().to_vec::<f32>().unwrap());
    for (index, (gpu, cpu)) in gpu.iter().zip(&cpu).enumerate() {
        let allowed = tolerance * cpu.abs().max(1.0);
        assert!((gpu - cpu).abs() <= allowed, "element {index}: {gpu} instead of {cpu}");
    }
}

/// Tolerance of a product whose operands were rounded to bf16 after being computed in another order.
fn tolerance(compute: Compute) -> f32 {
    match compute {
        Compute::F32 => 2e-5,
        Compute::Bf16 => 2e-2,
    }
}

const BOTH: [Compute; 2] = [Compute::F32, Compute::Bf16];

fn upload(weight: &FrozenWeight) -> (Arc<FrozenWeight>, Arc<CubeFrozen<burn_wgpu::WgpuRuntime>>) {
    (Flex::upload(weight.clone(), &FlexDevice), Gpu::upload(weight.clone(), &WgpuDevice::default()))
}

fn frozen(shape: [usize; 2], seed: u64) -> Vec<FrozenWeight> {
    let data = values(shape[0] * shape[1], seed);
    let narrow = data.iter().map(|value| bf16::from_f32(*value)).collect();
    let mut weights = vec![
        FrozenWeight::F32(DenseWeight::new(data.clone(), shape).unwrap()),
        FrozenWeight::Bf16(DenseWeight::new(narrow, shape).unwrap()),
    ];
    for precision in [SourcePrecision::Bf16, SourcePrecision::F32] {
        if data.len().is_multiple_of(64) {
            weights.push(FrozenWeight::Nf4(Nf4Weight::quantise(&data, shape, precision).unwrap()));
        }
    }
    weights
}

#[test]
fn packed_weights_unpack_to_the_same_bits() {
    // More than one run of 256 blocks, and a last cube that is not full.
    for shape in [[64, 1], [3, 64], [200, 128], [131, 192]] {
        for precision in [SourcePrecision::Bf16, SourcePrecision::F32] {
            let data = values(shape[0] * shape[1], 7);
            let packed = Nf4Weight::quantise(&data, shape, precision).unwrap();
            let expected = packed.dequantise();
            let weight: CubeFrozen<burn_wgpu::WgpuRuntime> =
                CubeFrozen::upload(&FrozenWeight::Nf4(packed), &WgpuDevice::default());
            for compute in BOTH {
                let operands = Operands::of(&weight_client(), compute);
                let found =
                    burn_cubecl::ops::into_data_sync(weight.operand(operands)).to_vec::<f32>().unwrap();
                let rounded = |value: &f32| match compute {
                    Compute::F32 => *value,
                    Compute::Bf16 => bf16::from_f32(*value).to_f32(),
                };
                assert_eq!(
                    found,
                    expected.iter().map(rounded).collect::<Vec<_>>(),
                    "{shape:?} {precision:?}"
                );
            }
        }
    }
}

fn weight_client() -> cubecl::prelude::ComputeClient<burn_wgpu::WgpuRuntime> {
    <burn_wgpu::WgpuRuntime as cubecl::Runtime>::client(&WgpuDevice::default())
}

#[test]
fn linear_and_its_input_gradient() {
    for shape in [[33, 128], [192, 64], [7, 5]] {
        for (number, weight) in frozen(shape, 1).iter().enumerate() {
            let (cpu, gpu) = upload(weight);
            let (x, dy) = (random([19, shape[1]], 2), random([19, shape[0]], 3));
            let bias = random([shape[0]], 4);
            for compute in BOTH {
                let close = tolerance(compute);
                let y = Gpu::linear(&x.1, &gpu, Some(&bias.1), compute);
                assert_close(y, Flex::linear(&x.0, &cpu, Some(&bias.0), compute), close);
                let dx = Gpu::linear_input_gradient(&dy.1, &gpu, Some(x.1.clone()), compute);
                assert_close(dx, Flex::linear_input_gradient(&dy.0, &cpu, Some(x.0.clone()), compute), close);
                // Held dense, the numbers are the same to the last bit.
                let cached = Gpu::cached(gpu.clone(), compute, &WgpuDevice::default());
                let again = Gpu::linear(&x.1, &cached, None, compute).into_data();
                assert_eq!(again, Gpu::linear(&x.1, &gpu, None, compute).into_data(), "{shape:?} {number}");
            }
        }
    }
}

#[test]
fn lora() {
    let (tokens, input, output, rank, scaling) = (21, 40, 24, 4, 1.5);
    let (x, a, b) = (random([tokens, input], 1), random([rank, input], 2), random([output, rank], 3));
    let (y, dy) = (random([tokens, output], 4), random([tokens, output], 5));
    for compute in BOTH {
        let close = tolerance(compute);
        let pairs = (LoraPair { a: &a.0, b: &b.0, scaling }, LoraPair { a: &a.1, b: &b.1, scaling });
        let cpu = Flex::lora_forward(&x.0, &pairs.0, y.0.clone(), compute);
        let gpu = Gpu::lora_forward(&x.1, &pairs.1, y.1.clone(), compute);
        let d = Flex::lora_backward(&x.0, &cpu.xa, &dy.0, &pairs.0, Some(x.0.clone()), compute);
        let e = Gpu::lora_backward(&x.1, &gpu.xa, &dy.1, &pairs.1, Some(x.1.clone()), compute);
        assert_close(gpu.y, cpu.y, close);
        assert_close(gpu.xa, cpu.xa, close);
        assert_close(e.dx, d.dx, close);
        assert_close(e.da, d.da, close);
        assert_close(e.db, d.db, close);
    }
    // The base output is shared here, so it must not have been overwritten.
    assert_close(y.1, y.0, 0.0);
}

#[test]
fn rms_norm_and_its_gradient() {
    for width in [3, 70, 640] {
        let (x, weight, dy) = (random([9, width], 1), random([width], 2), random([9, width], 3));
        let (cpu, gpu) = (Flex::rms_norm(&x.0, &weight.0, 1e-6), Gpu::rms_norm(&x.1, &weight.1, 1e-6));
        for accumulate in [false, true] {
            let more = |tensor| accumulate.then_some(tensor);
            let d = Flex::rms_norm_backward(&dy.0, &x.0, &cpu.rstd, &weight.0, more(dy.0.clone()));
            let sum = accumulate.then(|| dy.1.clone());
            let e = Gpu::rms_norm_backward(&dy.1, &x.1, &gpu.rstd, &weight.1, sum);
            assert_close(e, d, 1e-5);
        }
        assert_close(gpu.y, cpu.y, 1e-5);
        assert_close(gpu.rstd, cpu.rstd, 1e-5);
    }
}

#[test]
fn swiglu_and_its_gradients() {
    let (gate, up, dh) = (random([5, 77], 1), random([5, 77], 2), random([5, 77], 3));
    let gate = Both(gate.0 * 20.0, gate.1 * 20.0);
    assert_close(Gpu::swiglu(&gate.1, &up.1), Flex::swiglu(&gate.0, &up.0), 1e-5);
    let (cpu, gpu) =
        (Flex::swiglu_backward(&dh.0, &gate.0, &up.0), Gpu::swiglu_backward(&dh.1, &gate.1, &up.1));
    assert_close(gpu.0, cpu.0, 1e-5);
    assert_close(gpu.1, cpu.1, 1e-5);
}

#[test]
fn rotary_and_its_inverse() {
    let (head_dim, heads) = (8, 3);
    let segments = Segments::from_lengths(&[5, 1, 7]);
    let (cos, sin) = (random([7, head_dim / 2], 1), random([7, head_dim / 2], 2));
    let tables = (RotaryTable { cos: cos.0, sin: sin.0 }, RotaryTable { cos: cos.1, sin: sin.1 });
    let x = random([13, heads * head_dim], 3);
    for inverse in [false, true] {
        let cpu = Flex::rotary(x.0.clone(), head_dim, &tables.0, &segments, inverse);
        let gpu = Gpu::rotary(x.1.clone(), head_dim, &tables.1, &segments, inverse);
        assert_close(gpu, cpu, 1e-6);
    }
    assert_close(x.1, x.0, 0.0);
}

#[test]
fn attention_and_its_gradients() {
    for (query, key_value, head_dim, lengths) in
        [(4, 2, 8, vec![9, 1, 12]), (3, 3, 16, vec![33]), (6, 1, 4, vec![1, 700])]
    {
        let heads = Heads { query, key_value, head_dim };
        let segments = Segments::from_lengths(&lengths);
        let tokens = segments.total();
        let q = random([tokens, query * head_dim], 1);
        let (k, v) = (random([tokens, key_value * head_dim], 2), random([tokens, key_value * head_dim], 3));
        let d = random([tokens, query * head_dim], 4);
        for compute in BOTH {
            let close = tolerance(compute);
            let cpu = <Flex as EngineOps>::attention(&q.0, &k.0, &v.0, heads, &segments, compute);
            let gpu = <Gpu as EngineOps>::attention(&q.1, &k.1, &v.1, heads, &segments, compute);
            let expected = <Flex as EngineOps>::attention_backward(
                &d.0,
                &SavedAttention { q: &q.0, k: &k.0, v: &v.0, output: &cpu.0, log_sum_exp: &cpu.1 },
                heads,
                &segments,
                compute,
            );
            let found = <Gpu as EngineOps>::attention_backward(
                &d.1,
                &SavedAttention { q: &q.1, k: &k.1, v: &v.1, output: &gpu.0, log_sum_exp: &gpu.1 },
                heads,
                &segments,
                compute,
            );
            assert_close(gpu.0, cpu.0, close);
            assert_close(gpu.1, cpu.1, close);
            assert_close(found.dq, expected.dq, close);
            assert_close(found.dk, expected.dk, close);
            assert_close(found.dv, expected.dv, close);
        }
    }
}

#[test]
fn linear_cross_entropy_and_its_gradient() {
    for (rows, vocabulary, width) in [(1, 2, 4), (17, 300, 40)] {
        let hidden = random([rows, width], 1);
        let targets: Vec<u32> = (0..rows as u32).map(|row| row * 7 % vocabulary as u32).collect();
        for weight in frozen([vocabulary, width], 2).iter().take(2) {
            let (cpu, gpu) = upload(weight);
            for (compute, scale) in BOTH.iter().flat_map(|compute| [(*compute, None), (*compute, Some(0.5))])
            {
                let expected = Flex::linear_cross_entropy(&hidden.0, &cpu, &targets, scale, compute);
                let found = Gpu::linear_cross_entropy(&hidden.1, &gpu, &targets, scale, compute);
                for (found, expected) in found.losses.iter().zip(&expected.losses) {
                    assert!((found - expected).abs() < 1e-5 * expected.abs().max(1.0), "{found} {expected}");
                }
                assert_eq!(found.losses.len(), rows);
                assert_eq!(found.hits, expected.hits);
                match (found.d_hidden, expected.d_hidden) {
                    (None, None) => assert!(scale.is_none()),
                    (Some(found), Some(expected)) => assert_close(found, expected, tolerance(compute)),
                    _ => panic!("a gradient exactly when one was asked for"),
                }
            }
        }
    }
}

/// A vocabulary of which one chunk of logits holds 128 rows in a test.
#[test]
fn a_loss_head_of_more_than_one_chunk() {
    let (rows, vocabulary, width) = (200, 1_001, 4);
    let hidden = random([rows, width], 1);
    let targets: Vec<u32> = (0..rows as u32).map(|row| row * 5).collect();
    let head =
        FrozenWeight::F32(DenseWeight::new(values(vocabulary * width, 2), [vocabulary, width]).unwrap());
    let (cpu, gpu) = upload(&head);
    for compute in BOTH {
        let expected = Flex::linear_cross_entropy(&hidden.0, &cpu, &targets, Some(0.5), compute);
        let found = Gpu::linear_cross_entropy(&hidden.1, &gpu, &targets, Some(0.5), compute);
        for (found, expected) in found.losses.iter().zip(&expected.losses) {
            assert!((found - expected).abs() < 2e-5 * expected, "{found} {expected}");
        }
        assert_close(found.d_hidden.unwrap(), expected.d_hidden.unwrap(), tolerance(compute));
    }
}

#[test]
fn penalty_towards_the_base_and_its_gradient() {
    let (rows, vocabulary, width) = (17, 300, 40);
    let (hidden, base) = (random([rows, width], 1), random([rows, width], 5));
    let targets: Vec<u32> = (0..rows as u32).map(|row| row * 7).collect();
    let (cpu, gpu) = upload(&frozen([vocabulary, width], 2)[0]);
    for (compute, scale) in BOTH.iter().flat_map(|compute| [(*compute, None), (*compute, Some(0.5))]) {
        let expected = Flex::linear_cross_entropy_kl(
            &hidden.0,
            BasePenalty { hidden: &base.0, weight: 0.7 },
            &cpu,
            &targets,
            scale,
            compute,
        );
        let found = Gpu::linear_cross_entropy_kl(
            &hidden.1,
            BasePenalty { hidden: &base.1, weight: 0.7 },
            &gpu,
            &targets,
            scale,
            compute,
        );
        let numbers = |kl: (Vec<f64>, Vec<f64>)| kl.0.into_iter().chain(kl.1).collect::<Vec<f64>>();
        let found_numbers = numbers((found.cross_entropy.losses, found.divergences));
        let expected_numbers = numbers((expected.cross_entropy.losses, expected.divergences));
        assert_eq!(found_numbers.len(), 2 * rows);
        for (found, expected) in found_numbers.iter().zip(&expected_numbers) {
            assert!((found - expected).abs() < 2e-5 * expected.abs().max(1.0), "{found} {expected}");
        }
        assert_eq!(found.cross_entropy.hits, expected.cross_entropy.hits);
        match (found.cross_entropy.d_hidden, expected.cross_entropy.d_hidden) {
            (None, None) => assert!(scale.is_none()),
            (Some(found), Some(expected)) => assert_close(found, expected, tolerance(compute)),
            _ => panic!("a gradient exactly when one was asked for"),
        }
    }
    // The base itself is not away from the base.
    let same = Gpu::linear_cross_entropy_kl(
        &hidden.1,
        BasePenalty { hidden: &hidden.1, weight: 0.7 },
        &gpu,
        &targets,
        None,
        Compute::F32,
    );
    assert!(same.divergences.iter().all(|divergence| *divergence < 1e-6));
}

#[test]
fn a_tie_goes_to_the_lowest_token() {
    // All logits equal: token 0 is the most likely one.
    let hidden = both(vec![0.0; 8], [2, 4]);
    let (cpu, gpu) = upload(&frozen([6, 4], 1)[0]);
    let found = Gpu::linear_cross_entropy(&hidden.1, &gpu, &[0, 3], None, Compute::F32);
    assert_eq!(found.correct(), 1);
    assert_eq!(found.hits, Flex::linear_cross_entropy(&hidden.0, &cpu, &[0, 3], None, Compute::F32).hits);
}

#[test]
fn rows_are_picked_and_put_back() {
    for weight in frozen([11, 6], 1) {
        let (cpu, gpu) = upload(&weight);
        let tokens = [3, 0, 10, 3];
        let found = <Gpu as EngineOps>::embedding(&gpu, &tokens, &WgpuDevice::default());
        assert_close(found, <Flex as EngineOps>::embedding(&cpu, &tokens, &FlexDevice), 0.0);
    }
    let (x, y) = (random([5, 7], 1), random([5, 7], 2));
    assert_close(Gpu::gather_rows(&x.1, &[4, 0, 4]), Flex::gather_rows(&x.0, &[4, 0, 4]), 0.0);
    let rows = [1, 8, 2, 3, 0];
    assert_close(Gpu::scatter_rows(&x.1, &rows, 9), Flex::scatter_rows(&x.0, &rows, 9), 0.0);
    assert_close(<Gpu as EngineOps>::add(x.1, &y.1), <Flex as EngineOps>::add(x.0, &y.0), 0.0);
}

#[test]
fn a_failure_on_the_device_is_an_error_and_not_a_panic() {
    let device = WgpuDevice::default();
    let error =
        Gpu::guarded(&device, || panic!("can't allocate buffer of size: 7")).map(|()| ()).unwrap_err();
    assert!(error.is_user_error() && error.to_string().contains("memory is full"), "{error}");
    let error =
        Gpu::guarded(&device, || panic!("a driver's words\nand a backtrace")).map(|()| ()).unwrap_err();
    assert!(error.to_string().ends_with("a driver's words"), "{error}");
    assert_eq!(Gpu::guarded(&device, || 3).unwrap(), 3);
}
