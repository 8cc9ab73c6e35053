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

/// Whether the AVX-512 versions that [`widest!`] compiles may run.
#[cfg(target_arch = "x86_64")]
pub fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

/// Compiles a plain function for AVX-512, AVX2 and the baseline, and picks one at run time. The body is
/// ordinary code that the compiler vectorises; it never contracts to fused multiply-adds by itself, so
/// all versions give the same bits.
macro_rules! widest {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($argument: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    body($($argument),*)
                }
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    body($($argument),*)
                }
                if $crate::kernels::cpu::has_avx512() {
                    // SAFETY: the processor has the instructions.
                    return unsafe { avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: as above.
                    return unsafe { avx2($($argument),*) };
                }
            }
            body($($argument),*)
        }
    };
}
pub(crate) use widest;
