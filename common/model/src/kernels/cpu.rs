//! Which instruction set the matrix kernels use, decided once per process.
//!
//! Called by the kernels that have a SIMD version. `CONSILIUM_CPU=portable` forces the versions without
//! AVX512-BF16, for comparing machines and for finding a fault.

use std::sync::OnceLock;

/// Instruction sets the bf16 product distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// AVX512-BF16 with byte and word permutations (Zen 4, Sapphire Rapids and later).
    Avx512Bf16,
    /// Everything else: operands rounded to bf16, products through the f32 GEMM.
    Portable,
}

/// The instruction set of this process.
pub fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| {
        if std::env::var_os("CONSILIUM_CPU").is_some_and(|value| value == "portable") {
            Isa::Portable
        } else {
            detect()
        }
    })
}

/// What the processor offers.
pub fn detect() -> Isa {
    #[cfg(target_arch = "x86_64")]
    {
        let bf16 = is_x86_feature_detected!("avx512bf16");
        if bf16 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            return Isa::Avx512Bf16;
        }
    }
    Isa::Portable
}
