//! GPU kernels in CubeCL, generic over its runtime: CUDA in production, any other in tests.
//!
//! Called by `ops::cube`, which maps burn's tensors to contiguous buffers. A kernel's arrays are row-major
//! and as long as the arguments' shapes say; every element of an output is written by exactly one unit, and
//! every reduction adds in a fixed order, so there are no atomics and a second launch gives the same bytes.
//!
//! Dense operands of matrix products have the type `E`: bf16 where the device has it, else f32 (`round` then
//! says whether values are rounded to bf16 all the same, so that the arithmetic can be tested anywhere).

pub mod heads;
pub mod loss;
pub mod nf4;
pub mod norm;
pub mod pointwise;
pub mod rows;
pub mod softmax;

use cubecl::prelude::*;

/// Units of a cube (threads of a block). A power of two: the reductions halve it.
pub const UNITS: u32 = 256;

/// Rounds to bf16, to nearest with ties to even, and widens again. The value must be finite.
#[cube]
pub fn round_bf16(value: f32) -> f32 {
    let bits = u32::reinterpret(value);
    let rounded = (bits + 0x7fff_u32 + ((bits >> 16_u32) & 1_u32)) & 0xffff_0000_u32;
    f32::reinterpret(rounded)
}

/// A value as an operand of a matrix product.
#[cube]
pub fn narrow<E: Float>(value: f32, #[comptime] round: bool) -> E {
    if comptime!(round) { E::cast_from(round_bf16(value)) } else { E::cast_from(value) }
}

/// Sum over the cube's units, the same in all of them. Every unit must call it.
#[cube]
pub fn cube_sum(value: f32) -> f32 {
    let mut shared = SharedMemory::<f32>::new(256_usize);
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let mut half = 128_usize;
    while half > 0 {
        if unit < half {
            shared[unit] = shared[unit] + shared[unit + half];
        }
        sync_cube();
        half /= 2;
    }
    let total = shared[0];
    sync_cube();
    total
}

/// Largest value over the cube's units, the same in all of them. Every unit must call it.
#[cube]
pub fn cube_max(value: f32) -> f32 {
    let mut shared = SharedMemory::<f32>::new(256_usize);
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let mut half = 128_usize;
    while half > 0 {
        if unit < half {
            shared[unit] = max(shared[unit], shared[unit + half]);
        }
        sync_cube();
        half /= 2;
    }
    let largest = shared[0];
    sync_cube();
    largest
}
