//! Which instruction set the matrix kernels use, decided once per process.
//!
//! Called by the kernels that have a SIMD version. `CONSILIUM_CPU=avx512f`, `avx2` or `portable` holds the
//! process to a lesser set than the processor has, for comparing machines and for finding a fault; other
//! values change nothing.

use std::sync::OnceLock;

/// Instruction sets the matrix products distinguish, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// AVX512-BF16 with byte and word permutations (Zen 4, Sapphire Rapids and later).
    Avx512Bf16,
    /// AVX-512 (Skylake servers and later): operands rounded to bf16, products in f32.
    Avx512,
    /// AVX2 with FMA (Haswell, Zen and later): the same.
    Avx2,
    /// Everything else: the same in plain Rust.
    Portable,
}

impl Isa {
    /// Whether the processor has it.
    pub fn is_available(self) -> bool {
        self >= detect()
    }
}

/// The instruction set of this process.
pub fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| {
        let wanted = match std::env::var("CONSILIUM_CPU").as_deref() {
            Ok("avx512f") => Isa::Avx512,
            Ok("avx2") => Isa::Avx2,
            Ok("portable") => Isa::Portable,
            _ => Isa::Avx512Bf16,
        };
        wanted.max(detect())
    })
}

/// What the processor offers.
pub fn detect() -> Isa {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        if has_avx512() && is_x86_feature_detected!("avx512bf16") {
            return Isa::Avx512Bf16;
        }
        if has_avx512() {
            return Isa::Avx512;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Isa::Avx2;
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
                if cfg!(not(miri)) && $crate::kernels::cpu::has_avx512() {
                    // SAFETY: the processor has the instructions.
                    return unsafe { avx512($($argument),*) };
                }
                if cfg!(not(miri)) && is_x86_feature_detected!("avx2") {
                    // SAFETY: as above.
                    return unsafe { avx2($($argument),*) };
                }
            }
            body($($argument),*)
        }
    };
}
pub(crate) use widest;
