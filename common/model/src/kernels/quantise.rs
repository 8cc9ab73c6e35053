//! The arithmetic of 4-bit quantisation on whole blocks, written so that the compiler vectorises it.
//!
//! Called by `nf4::quantise`. Same bytes as bitsandbytes on every instruction set: comparisons and one
//! multiplication a value, nothing that could be contracted.

use super::cpu::widest;
use crate::nf4::table::{BLOCK, THRESHOLDS};

/// Lanes of the search for the largest magnitude.
const LANES: usize = 16;

widest! {
    /// `absmax` and packed nibbles of whole blocks. A block with a value that is NaN or infinite gets an
    /// `absmax` that is.
    pub fn quantise_blocks(values: &[f32], packed: &mut [u8], absmax: &mut [f32]) {
        let blocks = values.as_chunks::<BLOCK>().0.iter().zip(packed.as_chunks_mut::<{ BLOCK / 2 }>().0);
        for ((block, bytes), scale) in blocks.zip(absmax) {
            // Magnitudes compare as their bits do, NaN above infinity above all numbers.
            let mut largest = [0_u32; LANES];
            for values in block.as_chunks::<LANES>().0 {
                for (largest, value) in largest.iter_mut().zip(values) {
                    *largest = (*largest).max(value.to_bits() & 0x7fff_ffff);
                }
            }
            *scale = f32::from_bits(largest.iter().fold(0, |largest, lane| largest.max(*lane)));
            // Multiply by the reciprocal, never divide: that is what decides ties in bitsandbytes.
            let reciprocal = 1.0 / *scale;
            // The number of thresholds the scaled value is strictly greater than. NaN (an all-zero block: 0 *
            // inf) is greater than none.
            let scaled = block.map(|value| (value * reciprocal).clamp(-1.0, 1.0));
            let mut nibbles = [0_u32; BLOCK];
            for threshold in THRESHOLDS {
                for (nibble, scaled) in nibbles.iter_mut().zip(&scaled) {
                    *nibble += u32::from(*scaled > threshold);
                }
            }
            for (byte, pair) in bytes.iter_mut().zip(nibbles.as_chunks::<2>().0) {
                *byte = ((pair[0] << 4) | pair[1]) as u8;
            }
        }
    }
}
