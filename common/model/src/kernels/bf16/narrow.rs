//! Products with few columns (wider ones than 32 are left to `bf16`), an adapter's: `c = a b` with `b [depth,
//! columns]`.
//!
//! Called by `projection` and `feed_forward`. A tile of one or two registers across has too few sums in
//! flight for the processor's two multipliers, so two row panels are taken at once; `b` is packed once for
//! all tasks, without the columns that it does not have. Invariant: as in `bf16`, the order of every sum
//! depends on the shapes only.

use core::arch::x86_64::*;

use rayon::prelude::*;

use super::RowPanels;
use super::dense::DensePanels;
use super::panels::{DEPTH, LANES, PanelSource, TILE_COLUMNS, TILE_ROWS};
use super::source::mask;
use crate::kernels::scratch::Scratch;

/// Most columns.
const MOST: usize = 2 * LANES;
/// Row panels of one micro-kernel call.
const PANELS: usize = 2;
/// Rows of one.
const ROWS: usize = PANELS * TILE_ROWS;
/// Rows of a task: 50 microseconds of arithmetic at the width of a large layer.
const ROWS_A_TASK: usize = 4 * ROWS;

/// `c = a b`, rows of `c` without gaps.
pub fn multiply(a: &RowPanels, b: &DensePanels<'_>, c: &mut [f32]) {
    let columns = b.columns();
    if columns > MOST {
        return super::multiply(a, b, c, columns, false);
    }
    assert!(a.pairs == b.depth().div_ceil(2) && c.len() == a.rows * columns, "shapes agree");
    let across = columns.div_ceil(LANES);
    let packed = pack(b, across * LANES);
    let tasks = c.par_chunks_mut((ROWS_A_TASK * columns).max(1)).enumerate();
    tasks.for_each(|(task, c)| {
        for (index, c) in c.chunks_mut(ROWS * columns).enumerate() {
            let panel = PANELS * (task * ROWS_A_TASK / ROWS + index);
            // The last panel stands in for one that is not there; what it gives is not kept.
            let last = a.rows.div_ceil(TILE_ROWS) - 1;
            let left = [panel, last.min(panel + 1)].map(|panel| a.operands(panel, 0, a.pairs).a);
            // SAFETY: `RowPanels::pack` asserts the processor's features.
            unsafe {
                if across == 1 {
                    strip::<1>(left, packed.as_ref(), a.pairs, c, columns);
                } else {
                    strip::<2>(left, packed.as_ref(), a.pairs, c, columns);
                }
            }
        }
    });
}

/// `b` as `[pairs][width]` words.
fn pack(b: &DensePanels<'_>, width: usize) -> Scratch {
    let depth = b.depth();
    let mut packed = Scratch::take(depth.div_ceil(2) * width);
    let mut tile = Scratch::take(DEPTH.min(depth).div_ceil(2) * TILE_COLUMNS);
    for (run, packed) in packed.as_mut().chunks_mut(DEPTH / 2 * width).enumerate() {
        b.unpack(0, run * DEPTH, DEPTH.min(depth - run * DEPTH), tile.as_mut());
        let pairs = tile.as_ref().chunks_exact(TILE_COLUMNS).zip(packed.chunks_exact_mut(width));
        pairs.for_each(|(tile, packed)| packed.copy_from_slice(&tile[..width]));
    }
    packed
}

/// Rows of two panels: as many as `c` has, at most 12.
///
/// # Safety
/// The processor has AVX512F and AVX512-BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn strip<const N: usize>(a: [&[u32]; PANELS], b: &[u32], pairs: usize, c: &mut [f32], columns: usize) {
    assert!(a.iter().all(|a| a.len() >= pairs * TILE_ROWS) && b.len() >= pairs * N * LANES, "operands");
    let mut sums = [[[_mm512_setzero_ps(); N]; TILE_ROWS]; PANELS];
    let (mut a, mut b) = (a.map(<[u32]>::as_ptr), b.as_ptr());
    for _ in 0..pairs {
        // SAFETY: the operands hold `pairs` steps of 6 words a panel and of `N` registers (asserted).
        unsafe {
            let right: [__m512bh; N] =
                core::array::from_fn(|i| core::mem::transmute(_mm512_loadu_si512(b.add(i * LANES).cast())));
            for (sums, a) in sums.iter_mut().zip(&mut a) {
                for (row, sums) in sums.iter_mut().enumerate() {
                    let left: __m512bh = core::mem::transmute(_mm512_set1_epi32((*a.add(row)).cast_signed()));
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = _mm512_dpbf16_ps(*sum, left, right);
                    }
                }
                *a = a.add(TILE_ROWS);
            }
            b = b.add(N * LANES);
        }
    }
    for (c, sums) in c.chunks_exact_mut(columns).zip(sums.as_flattened()) {
        for (c, sum) in c.chunks_mut(LANES).zip(sums) {
            // SAFETY: masked to the slice.
            unsafe { _mm512_mask_storeu_ps(c.as_mut_ptr(), mask(c.len()), *sum) };
        }
    }
}
