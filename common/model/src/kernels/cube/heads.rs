//! Between `[tokens, heads * head_dim]` and the batches of matrix products that attention is made of:
//! `[key-value heads, tokens * group, head_dim]`, where the `group` query heads of one token that share a
//! key-value head are consecutive rows. So grouped queries need no repeated keys, and a product over these
//! rows sums the group. Called by `ops::cube::attention`.

use cubecl::prelude::*;

use super::narrow;

/// Place in `[tokens, heads * head_dim]` of element `index` of the batched layout over `rows` rows from token
/// `first`.
#[cube]
fn place(index: usize, rows: u32, group: u32, width: u32, head_dim: u32, first: u32) -> usize {
    let head_dim = head_dim as usize;
    let rows = rows as usize;
    let group = group as usize;
    let row = index / head_dim % rows;
    let head = index / head_dim / rows * group + row % group;
    (first as usize + row / group) * width as usize + head * head_dim + index % head_dim
}

/// Tokens from `first` on, as operands in the batched layout.
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structs")]
pub fn pack<E: Float>(
    x: &Array<f32>,
    out: &mut Array<E>,
    count: u32,
    rows: u32,
    group: u32,
    width: u32,
    head_dim: u32,
    first: u32,
    #[comptime] round: bool,
    #[define(E)] _dtype: StorageType,
) {
    if ABSOLUTE_POS < count as usize {
        let from = place(ABSOLUTE_POS, rows, group, width, head_dim, first);
        out[ABSOLUTE_POS] = narrow::<E>(x[from], round);
    }
}

/// The reverse of [`pack`], added to what is there when `accumulate`.
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structs")]
pub fn unpack(
    batched: &Array<f32>,
    out: &mut Array<f32>,
    count: u32,
    rows: u32,
    group: u32,
    width: u32,
    head_dim: u32,
    first: u32,
    #[comptime] accumulate: bool,
) {
    if ABSOLUTE_POS < count as usize {
        let to = place(ABSOLUTE_POS, rows, group, width, head_dim, first);
        if comptime!(accumulate) {
            out[to] = out[to] + batched[ABSOLUTE_POS];
        } else {
            out[to] = batched[ABSOLUTE_POS];
        }
    }
}
