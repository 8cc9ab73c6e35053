//! NF4 to dense: 32 elements (16 packed bytes, half a block) a unit.
//!
//! Called by `ops::cube::frozen` before each product with a packed weight. The 16 codes live in shared
//! memory, where lanes that look up different codes hit different banks. The block's scale goes through
//! shared memory between its product and its sum, because a fused multiply-add would differ from bitsandbytes
//! in the last bit.

use cubecl::prelude::*;
use half::f16;

use super::round_bf16;

/// What a dequantised value is rounded to before it becomes an `E`: the weight's precision before
/// quantisation.
pub const KEEP: u32 = 0;
/// bf16.
pub const TO_BF16: u32 = 1;
/// f16; needs a device that has it.
pub const TO_F16: u32 = 2;

/// `packed`: 4 words (32 elements) at a time, little endian, the earlier element of a byte in its high
/// nibble. `codes`: the blocks' 8-bit scales, 4 a word; `map`: what they mean; `scales`: one for 256 blocks.
/// Without `double`, `scales` has one for each block and the others are not read. `table`: the 16 codes of
/// NF4.
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structs")]
pub fn dequantise<E: Float, N: Size>(
    packed: &Array<Vector<u32, Const<4>>>,
    codes: &Array<u32>,
    map: &Array<f32>,
    scales: &Array<f32>,
    table: &Array<f32>,
    out: &mut Array<Vector<E, N>>,
    groups: u32,
    offset: f32,
    #[comptime] double: bool,
    #[comptime] precision: u32,
    #[define(E)] _dtype: StorageType,
) {
    let unit = UNIT_POS as usize;
    let mut nf4 = SharedMemory::<f32>::new(16_usize);
    let mut products = SharedMemory::<f32>::new(256_usize);
    if unit < 16 {
        nf4[unit] = table[unit];
    }
    let group = ABSOLUTE_POS;
    let inside = group < groups as usize;
    let block = group / 2;
    if inside {
        if comptime!(double) {
            let code = (codes[block / 4] >> ((block as u32 % 4) * 8)) & 255;
            products[unit] = map[code as usize] * scales[block / 256];
        } else {
            products[unit] = scales[block];
        }
    }
    sync_cube();
    if inside {
        let mut scale = products[unit];
        if comptime!(double) {
            scale += offset;
        }
        let words = packed[group];
        let width = N::value();
        let stores = comptime!(32 / width);
        #[unroll]
        for store in 0..stores {
            let mut values = Vector::<E, N>::empty();
            #[unroll]
            for lane in 0..width {
                let element = comptime!(store * width + lane);
                let word = words[comptime!(element / 8)];
                // In a word's byte b, element 2b is the high nibble and 2b + 1 the low one.
                let shift = comptime!(((element % 8) / 2 * 8 + if element % 2 == 0 { 4 } else { 0 }) as u32);
                let value = nf4[((word >> shift) & 15) as usize] * scale;
                values[lane] = rounded::<E>(value, precision);
            }
            out[group * stores + store] = values;
        }
    }
}

#[cube]
fn rounded<E: Float>(value: f32, #[comptime] precision: u32) -> E {
    if comptime!(precision == TO_BF16) {
        E::cast_from(round_bf16(value))
    } else if comptime!(precision == TO_F16) {
        E::cast_from(f32::cast_from(f16::cast_from(value)))
    } else {
        E::cast_from(value)
    }
}
