//! Dot products of weight rows with one activation row on AVX512-BF16, straight from NF4 or bf16 memory.
//!
//! Called by `gemv`. The activations are rounded once, in the order in which a register of looked-up codes
//! holds its elements (16 even ones, then 16 odd ones), so that no code is ever moved.

use core::arch::x86_64::*;

use half::bf16;
use rayon::prelude::*;

use crate::frozen::FrozenWeight;
use crate::kernels::cpu::{Isa, detect};
use crate::kernels::product::{OUTPUTS_A_TASK, Rows};
use crate::nf4::table::{BLOCK, CODES};
use crate::nf4::{Nf4Weight, SourcePrecision};

/// Elements of a register of bf16.
const WIDE: usize = 32;

/// Whether this way exists for the weight; if so, `y = W x`.
pub(super) fn multiply(x: &[f32], rows: Rows<'_>, y: &mut [f32]) -> bool {
    assert_eq!(detect(), Isa::Avx512Bf16, "the processor has AVX512-BF16");
    let narrow: Vec<bf16> = match rows.weight {
        FrozenWeight::Nf4(weight)
            if x.len().is_multiple_of(BLOCK) && weight.precision() != SourcePrecision::F16 =>
        {
            let (chunks, _) = x.as_chunks::<WIDE>();
            let order = |chunk: &[f32; WIDE], slot: usize| chunk[slot % 16 * 2 + slot / 16];
            chunks.iter().flat_map(|chunk| (0..WIDE).map(|slot| bf16::from_f32(order(chunk, slot)))).collect()
        }
        FrozenWeight::Bf16(_) => x.iter().map(|value| bf16::from_f32(*value)).collect(),
        _ => return false,
    };
    y.par_chunks_mut(OUTPUTS_A_TASK).enumerate().for_each(|(task, y)| {
        for (index, y) in y.iter_mut().enumerate() {
            let row = rows.first + task * OUTPUTS_A_TASK + index;
            *y = match rows.weight {
                // SAFETY: features asserted above; the row lies inside the weight and fills whole blocks.
                FrozenWeight::Nf4(weight) => unsafe { nf4_row(weight, row, &narrow) },
                FrozenWeight::Bf16(weight) => {
                    let row = &weight.data()[row * narrow.len()..][..narrow.len()];
                    // SAFETY: features asserted above; both slices have the same length.
                    unsafe { bf16_row(row, &narrow) }
                }
                FrozenWeight::F32(_) => unreachable!("left to the portable way above"),
            };
        }
    });
    true
}

/// # Safety
/// The processor has AVX512F, AVX512BW and AVX512-BF16; `x.len()` is the weight's width, a multiple of
/// [`BLOCK`].
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn nf4_row(weight: &Nf4Weight, row: usize, x: &[bf16]) -> f32 {
    let first = row * x.len();
    let packed = &weight.packed()[first / 2..(first + x.len()) / 2];
    let absmax = weight.absmax();
    // SAFETY: a table of 16 f32.
    let codes = unsafe { _mm512_loadu_ps(CODES.as_ptr()) };
    let mut sums = [_mm512_setzero_ps(); 2];
    let blocks = packed.chunks_exact(BLOCK / 2).zip(x.chunks_exact(BLOCK));
    for (block, (packed, x)) in blocks.enumerate() {
        let scale = _mm512_set1_ps(absmax.get(first / BLOCK + block));
        for (half, sum) in sums.iter_mut().enumerate() {
            // SAFETY: 16 of the block's 32 bytes, and 32 of its 64 activations.
            let (bytes, x): (__m512i, __m512bh) = unsafe {
                (
                    _mm512_cvtepu8_epi32(_mm_loadu_si128(packed.as_ptr().add(half * 16).cast())),
                    core::mem::transmute::<__m512i, __m512bh>(_mm512_loadu_si512(
                        x.as_ptr().add(half * WIDE).cast(),
                    )),
                )
            };
            // The permutation uses the low four bits of each index: no mask needed.
            let even = _mm512_permutexvar_ps(_mm512_srli_epi32::<4>(bytes), codes);
            let odd = _mm512_permutexvar_ps(bytes, codes);
            let weights = _mm512_cvtne2ps_pbh(_mm512_mul_ps(odd, scale), _mm512_mul_ps(even, scale));
            *sum = _mm512_dpbf16_ps(*sum, weights, x);
        }
    }
    _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
}

/// # Safety
/// The processor has AVX512F, AVX512BW and AVX512-BF16; both slices have the same length.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn bf16_row(row: &[bf16], x: &[bf16]) -> f32 {
    let mut sums = [_mm512_setzero_ps(); 4];
    for start in (0..x.len()).step_by(4 * WIDE) {
        for (part, sum) in sums.iter_mut().enumerate() {
            let offset = start + part * WIDE;
            let left = x.len().saturating_sub(offset);
            let mask = if left >= WIDE { u32::MAX } else { (1 << left) - 1 };
            // SAFETY: masked to the slices; a masked-out load touches nothing, and `wrapping_add` keeps its
            // address computation defined.
            *sum = unsafe {
                let row = _mm512_maskz_loadu_epi16(mask, row.as_ptr().wrapping_add(offset).cast());
                let x = _mm512_maskz_loadu_epi16(mask, x.as_ptr().wrapping_add(offset).cast());
                _mm512_dpbf16_ps(
                    *sum,
                    core::mem::transmute::<__m512i, __m512bh>(row),
                    core::mem::transmute::<__m512i, __m512bh>(x),
                )
            };
        }
    }
    let pairs = [_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])];
    _mm512_reduce_add_ps(_mm512_add_ps(pairs[0], pairs[1]))
}
