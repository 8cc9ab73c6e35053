//! CPU kernels on plain slices, and GPU kernels in [`cube`]: the only place of this crate with `unsafe` code.
//!
//! Called by `ops::flex`, which maps burn's tensors to slices, and `ops::cube`. Every kernel splits its work
//! so that each output element is computed by exactly one task in a fixed order: results do not depend on the
//! number of threads or on scheduling.
#![allow(unsafe_code)] // raw pointers into the GEMM and SIMD intrinsics; each block says why it is sound

pub mod attention;
#[cfg(target_arch = "x86_64")]
pub mod bf16;
pub mod cached_attention;
pub mod cpu;
pub mod cross_entropy;
pub mod cross_entropy_kl;
#[cfg(feature = "cubecl-engine")]
pub mod cube;
#[cfg(feature = "cuda")]
pub mod cuda_libraries;
pub mod disjoint;
#[cfg(target_arch = "x86_64")]
pub mod feed_forward;
pub mod gemv;
pub mod grid;
pub mod linear;
pub mod lora;
pub mod loss;
pub mod math;
pub mod matmul;
pub mod norm;
pub mod peak;
pub mod pointwise;
pub mod pool;
pub mod product;
#[cfg(target_arch = "x86_64")]
pub mod projection;
pub mod quantise;
pub mod rotary;
pub mod scratch;
pub mod view;
pub mod wide;

#[cfg(test)]
mod tests;
