//! Blockwise 4-bit quantisation: `absmax` of each block and the packed nibbles.
//!
//! Called by [`super::Nf4Weight::quantise`]. Same bytes as bitsandbytes' CUDA kernel and, except for
//! blocks that are all zero (CUDA nibble 0, CPU nibble 7; both dequantise to zero), its CPU code.

use rayon::prelude::*;

use super::table::{BLOCK, THRESHOLDS};

/// Blocks a task takes at a time: 64 KiB of input, enough to pay for the hand-over.
const BLOCKS_A_TASK: usize = 256;

/// `(packed, absmax)` of a whole number of blocks.
pub fn quantise_blocks(values: &[f32]) -> (Vec<u8>, Vec<f32>) {
    let mut packed = vec![0; values.len() / 2];
    let mut absmax = vec![0.0; values.len() / BLOCK];
    let inputs = values.par_chunks(BLOCK * BLOCKS_A_TASK);
    let outputs = packed.par_chunks_mut(BLOCK / 2 * BLOCKS_A_TASK).zip(absmax.par_chunks_mut(BLOCKS_A_TASK));
    inputs.zip(outputs).for_each(|(values, (packed, absmax))| {
        let blocks = values.chunks_exact(BLOCK).zip(packed.chunks_exact_mut(BLOCK / 2));
        for ((block, bytes), scale) in blocks.zip(absmax) {
            *scale = block.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            // Multiply by the reciprocal, never divide: that is what decides ties in bitsandbytes.
            let reciprocal = 1.0 / *scale;
            for (pair, byte) in block.chunks_exact(2).zip(bytes) {
                *byte = (nibble(pair[0] * reciprocal) << 4) | nibble(pair[1] * reciprocal);
            }
        }
    });
    (packed, absmax)
}

/// Number of thresholds the scaled value is strictly greater than. NaN (an all-zero block: 0 * inf)
/// is greater than none.
#[inline]
fn nibble(scaled: f32) -> u8 {
    let scaled = scaled.clamp(-1.0, 1.0);
    THRESHOLDS.iter().map(|threshold| u8::from(scaled > *threshold)).sum()
}
