//! NEFTune: noise on the embeddings of a training pass. Called by `pass`.
//! Invariant: counter-based like dropout, so that a resumed run adds the same noise.

use super::linear::{GOLDEN, mix};
use crate::ops::Segments;

/// The noise of one forward pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    /// Every element gets a uniform value within `alpha / sqrt(tokens * width)`, with the tokens of its own sequence
    /// (Jain et al. 2023, "NEFTune", algorithm 1).
    pub(crate) alpha: f64,
    /// Seed of the training.
    pub(crate) seed: u64,
    /// Number of the forward pass within the training.
    pub(crate) pass: u64,
}

impl Noise {
    /// `[T, width]`, row-major.
    pub(super) fn values(&self, segments: &Segments, width: usize) -> Vec<f32> {
        // Another domain than dropout, which mixes the plain seed.
        let key = mix(mix(self.seed ^ u64::from_le_bytes(*b"NEFTune\0")) ^ self.pass);
        let mut values = Vec::with_capacity(segments.total() * width);
        for rows in segments.ranges() {
            let magnitude = self.alpha / ((rows.len() * width) as f64).sqrt();
            values.extend((rows.start * width..rows.end * width).map(|index| {
                let bits = mix(key.wrapping_add((index as u64).wrapping_mul(GOLDEN))) >> 11;
                // 53 bits to [-1, 1): every step is exact in f64.
                ((bits as f64 / (1_u64 << 52) as f64 - 1.0) * magnitude) as f32
            }));
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_a_function_of_its_key_and_scaled_by_the_sequence() {
        let segments = Segments::from_lengths(&[100, 400]);
        let noise = Noise { alpha: 5.0, seed: 7, pass: 3 };
        let values = noise.values(&segments, 16);
        assert_eq!(values, noise.values(&segments, 16));
        assert_ne!(values, Noise { pass: 4, ..noise }.values(&segments, 16));
        assert_ne!(values, Noise { seed: 8, ..noise }.values(&segments, 16));
        let (short, long) = values.split_at(1600);
        for (part, bound) in [(short, 5.0 / 40.0), (long, 5.0 / 80.0)] {
            let largest = part.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            assert!((0.98 * bound..=bound).contains(&largest), "{largest} of {bound}");
            let mean = part.iter().sum::<f32>() / part.len() as f32;
            assert!(mean.abs() < 0.05 * bound, "{mean}");
        }
    }
}
