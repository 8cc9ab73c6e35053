//! Measures what the processor can do at most, so that a benchmark can say how close a kernel comes.
//!
//! Called by `benches/kernels.rs`. Nothing but independent `vdpbf16ps` on registers, on every core.

use rayon::prelude::*;

/// Runs `steps` steps on each thread of the pool and returns the floating-point operations done, or
/// `None` without AVX512-BF16.
pub fn bf16_operations(steps: u64) -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    if super::cpu::detect() == super::cpu::Isa::Avx512Bf16 {
        let threads = rayon::current_num_threads();
        // SAFETY: the processor has the instructions.
        let sum: f32 = (0..threads).into_par_iter().map(|_| unsafe { spin(steps) }).sum();
        std::hint::black_box(sum);
        return Some(threads as u64 * steps * 24 * 64);
    }
    let _ = steps;
    None
}

/// # Safety
/// The processor has AVX512F and AVX512-BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn spin(steps: u64) -> f32 {
    use core::arch::x86_64::*;
    let mut sums = [_mm512_setzero_ps(); 24];
    // SAFETY: same size, any bits are valid.
    let operand: __m512bh = unsafe { core::mem::transmute(_mm512_set1_epi32(std::hint::black_box(0))) };
    for _ in 0..steps {
        // By value: through references the sums would live in memory.
        sums = sums.map(|sum| _mm512_dpbf16_ps(sum, operand, operand));
    }
    sums.iter().map(|sum| _mm512_reduce_add_ps(*sum)).sum()
}
