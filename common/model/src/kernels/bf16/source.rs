//! Rows of f32 or bf16 as registers of bf16. Used by `tiles` for packing and, for the tables, by `unpack`.

use core::arch::x86_64::*;

use half::bf16;

use super::panels::LANES;

/// Interleaving of a converted pair `[evens x 16 | odds x 16]` into `even0 odd0 even1 odd1 ...`.
pub const INTERLEAVE: [u16; 32] = {
    let mut index = [0; 32];
    let mut lane = 0;
    while lane < 16 {
        index[2 * lane] = lane as u16;
        index[2 * lane + 1] = lane as u16 + 16;
        lane += 1;
    }
    index
};

/// `a0 b0 a1 b1 ...` of the low or high 16 columns of two rows of 32 bf16.
const fn zip_rows(half: u16) -> [u16; 32] {
    let mut index = [0; 32];
    let mut column = 0;
    while column < 16 {
        index[2 * column] = half * 16 + column as u16;
        index[2 * column + 1] = half * 16 + column as u16 + 32;
        column += 1;
    }
    index
}
/// Both halves.
pub const ZIP: [[u16; 32]; 2] = [zip_rows(0), zip_rows(1)];

/// # Safety
/// The processor has AVX512F.
#[inline]
#[target_feature(enable = "avx512f")]
pub unsafe fn words(index: &[u16; 32]) -> __m512i {
    // SAFETY: 64 bytes are readable.
    unsafe { _mm512_loadu_si512(index.as_ptr().cast()) }
}

/// What a row-major matrix holds: f32, rounded to bf16 here, or bf16 already.
pub trait Source: Copy + Sync {
    /// The first `columns` (at most 32) elements of a row as bf16, zero behind them.
    ///
    /// # Safety
    /// The processor has AVX512F, AVX512BW and AVX512-BF16; that many elements are readable.
    unsafe fn row(source: *const Self, columns: usize) -> __m512i;

    /// The first `columns` (at most 32) elements of two rows as words, the first row in the low halves.
    ///
    /// # Safety
    /// As [`Source::row`], for both rows; a row that does not exist is null and taken as zeros.
    unsafe fn pairs(rows: [*const Self; 2], columns: usize) -> [__m512i; 2];
}

impl Source for f32 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn row(source: *const Self, columns: usize) -> __m512i {
        // SAFETY: masked to the readable elements; a masked-out load touches nothing.
        unsafe {
            let first = _mm512_maskz_loadu_ps(mask(columns), source);
            let second =
                _mm512_maskz_loadu_ps(mask(columns.saturating_sub(LANES)), source.wrapping_add(LANES));
            core::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first))
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn pairs([a, b]: [*const Self; 2], columns: usize) -> [__m512i; 2] {
        // SAFETY: a constant table.
        let interleave = unsafe { words(&INTERLEAVE) };
        [0, LANES].map(|start| {
            let columns = mask(columns.saturating_sub(start));
            let second = if b.is_null() { 0 } else { columns };
            // SAFETY: as above.
            unsafe {
                let a = _mm512_maskz_loadu_ps(columns, a.wrapping_add(start));
                let b = _mm512_maskz_loadu_ps(second, b.wrapping_add(start));
                let both = core::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(b, a));
                _mm512_permutexvar_epi16(interleave, both)
            }
        })
    }
}

impl Source for bf16 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn row(source: *const Self, columns: usize) -> __m512i {
        // SAFETY: masked to the readable elements.
        unsafe { _mm512_maskz_loadu_epi16(wide_mask(columns), source.cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn pairs([a, b]: [*const Self; 2], columns: usize) -> [__m512i; 2] {
        let columns = wide_mask(columns);
        let second = if b.is_null() { 0 } else { columns };
        // SAFETY: masked to the readable elements; constant tables.
        unsafe {
            let (a, b) =
                (_mm512_maskz_loadu_epi16(columns, a.cast()), _mm512_maskz_loadu_epi16(second, b.cast()));
            ZIP.each_ref().map(|zip| _mm512_permutex2var_epi16(a, words(zip), b))
        }
    }
}

/// The lowest `count` bits, all 32 from 32 on.
pub(super) const fn wide_mask(count: usize) -> u32 {
    if count >= 2 * LANES { u32::MAX } else { (1 << count) - 1 }
}

/// The lowest `count` bits, all 16 from 16 on.
pub(super) const fn mask(count: usize) -> u16 {
    if count >= LANES { u16::MAX } else { (1 << count) - 1 }
}
