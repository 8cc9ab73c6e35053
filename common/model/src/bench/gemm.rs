//! Times the dense products that a layer is made of, alone: the upper limit of what training can reach on a
//! device. Called by `model-bench --products`. Invariant: what is timed is the engine's own operation,
//! operands rounded and results in f32, and the device is waited for.

use std::time::Instant;

#[cfg(feature = "cuda")]
use burn_cuda::{Cuda, CudaDevice};
use burn_flex::{Flex, FlexDevice};
use burn_tensor::{Tensor, TensorData};
use half::bf16;
use serde::Serialize;

use super::numbers::median;
use crate::device::Device;
use crate::error::{ModelError, Result};
use crate::frozen::{DenseWeight, FrozenWeight};
use crate::ops::EngineOps;
use crate::options::Compute;

/// The speed of one product.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gemm {
    /// Which, with its sizes.
    pub name: String,
    /// Median time.
    pub ms: f64,
    /// Multiplications and additions a second.
    pub tflop_per_s: f64,
}

/// Times `x W^T` and `dy W` for `W [output, input]` and for its transpose, over `tokens` rows, in bf16 with
/// f32 sums.
///
/// # Errors
/// `Device` when it cannot be used.
pub fn products(
    device: Device,
    tokens: usize,
    input: usize,
    output: usize,
    repeats: usize,
) -> Result<Vec<Gemm>> {
    device.require_usable()?;
    match device {
        Device::Cpu => measure::<Flex>(&FlexDevice, [tokens, input, output], repeats),
        #[cfg(feature = "cuda")]
        Device::Cuda { index } => {
            let device = CudaDevice::new(index);
            Cuda::guarded(&device, || measure::<Cuda>(&device, [tokens, input, output], repeats))?
        }
        #[cfg(not(feature = "cuda"))]
        Device::Cuda { .. } => Err(device.built_without_cuda()),
    }
}

fn measure<B: EngineOps>(device: &B::Device, sizes: [usize; 3], repeats: usize) -> Result<Vec<Gemm>> {
    let [tokens, input, output] = sizes;
    let mut found = Vec::new();
    for [output, input] in [[output, input], [input, output]] {
        let weight = DenseWeight::new(noise(output * input).map(bf16::from_f32).collect(), [output, input])
            .ok_or_else(|| ModelError::Internal {
            reason: "a weight does not fill its shape".to_owned(),
        })?;
        let weight = B::upload(FrozenWeight::Bf16(weight), device);
        let rows = |width: usize| {
            let data = TensorData::new(noise(tokens * width).collect::<Vec<f32>>(), [tokens, width]);
            Tensor::<B, 2>::from_data(data, device)
        };
        let (x, dy) = (rows(input), rows(output));
        let name = format!("{tokens} x {input} x {output} forward");
        found.push(timed::<B>(name, device, sizes, repeats, || {
            <B as EngineOps>::linear(&x, &weight, None, Compute::Bf16)
        })?);
        let name = format!("{tokens} x {output} x {input} input gradient");
        found.push(timed::<B>(name, device, sizes, repeats, || {
            B::linear_input_gradient(&dy, &weight, None, Compute::Bf16)
        })?);
    }
    Ok(found)
}

fn timed<B: EngineOps>(
    name: String,
    device: &B::Device,
    sizes: [usize; 3],
    repeats: usize,
    work: impl Fn() -> Tensor<B, 2>,
) -> Result<Gemm> {
    let wait = || {
        B::sync(device).map_err(|error| ModelError::Device {
            device: B::name(device),
            reason: error.to_string(),
            hint: "start again with a smaller --products".to_owned(),
        })
    };
    // The first calls choose and compile the kernel.
    for _ in 0..2 {
        drop(work());
    }
    wait()?;
    let mut times = Vec::with_capacity(repeats);
    for _ in 0..repeats {
        let started = Instant::now();
        drop(work());
        wait()?;
        times.push(started.elapsed().as_secs_f64());
    }
    let seconds = median(&times).unwrap_or(f64::NAN);
    let work = 2.0 * sizes.iter().map(|size| *size as f64).product::<f64>();
    Ok(Gemm { name, ms: seconds * 1e3, tflop_per_s: work / seconds / 1e12 })
}

/// Reproducible values in +-1: zeros would be multiplied faster than what training multiplies.
fn noise(count: usize) -> impl Iterator<Item = f32> {
    let mut state = 0x9e37_79b9_u32;
    (0..count).map(move |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
}
