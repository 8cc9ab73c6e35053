//! Rows picked from a table or a tensor. Called by `ops::cube` for the embedding, the supervised rows and
//! their gradient.

use cubecl::prelude::*;

/// Source index of a row that is all zeros.
pub const NO_ROW: u32 = u32::MAX;

/// `out[r, :] = source[index[r], :]`, or zeros for [`NO_ROW`]; one unit an element.
#[cube(launch)]
pub fn pick<E: Float>(
    source: &Array<E>,
    index: &Array<u32>,
    out: &mut Array<f32>,
    count: u32,
    width: u32,
    #[define(E)] _dtype: StorageType,
) {
    if ABSOLUTE_POS < count as usize {
        let width = width as usize;
        let row = index[ABSOLUTE_POS / width];
        let mut value = 0.0_f32;
        if row != NO_ROW {
            value = f32::cast_from(source[row as usize * width + ABSOLUTE_POS % width]);
        }
        out[ABSOLUTE_POS] = value;
    }
}
