//! The randomness of a training pass: LoRA dropout, and NEFTune's noise on the embeddings. Called by `linear`
//! and `pass`. Invariant: counter-based, a function of (seed, pass, place) alone, so that a recomputed or
//! resumed pass drops the same inputs and adds the same noise.

use crate::config::LinearKind;
use crate::segments::Segments;

/// SplitMix64's increment: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014) of the next counter.
fn splitmix64(value: u64) -> u64 {
    let mut z = value.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// LoRA dropout of one forward pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dropout {
    pub(crate) probability: f64,
    /// Seed of the training.
    pub(crate) seed: u64,
    /// Number of the forward pass within the training.
    pub(crate) pass: u64,
}

/// Counter-based: element `i` depends on (seed, pass, layer, linear, i) only, so that a recomputed or resumed
/// pass drops the same inputs. SplitMix64 (Steele, Lea, Flood 2014) of the key plus the counter.
pub(crate) fn dropout_mask(dropout: Dropout, layer: usize, kind: LinearKind, count: usize) -> Vec<f32> {
    let place = (layer * LinearKind::ALL.len() + kind.index()) as u64;
    let key = splitmix64(splitmix64(splitmix64(dropout.seed) ^ dropout.pass) ^ place);
    let keep = (1.0 / (1.0 - dropout.probability)) as f32;
    // An exact threshold on 53 bits: f64 holds every such integer.
    let threshold = (dropout.probability * (1_u64 << 53) as f64) as u64;
    (0..count as u64)
        .map(|index| {
            if splitmix64(key.wrapping_add(index.wrapping_mul(GOLDEN))) >> 11 < threshold {
                0.0
            } else {
                keep
            }
        })
        .collect()
}

/// The noise of one forward pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    /// Every element gets a uniform value within `alpha / sqrt(tokens * width)`, with the tokens of its own
    /// sequence (Jain et al. 2023, "NEFTune", algorithm 1).
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
        let key = splitmix64(splitmix64(self.seed ^ u64::from_le_bytes(*b"NEFTune\0")) ^ self.pass);
        let mut values = Vec::with_capacity(segments.total() * width);
        for rows in segments.ranges() {
            let magnitude = self.alpha / ((rows.len() * width) as f64).sqrt();
            values.extend((rows.start * width..rows.end * width).map(|index| {
                let bits = splitmix64(key.wrapping_add((index as u64).wrapping_mul(GOLDEN))) >> 11;
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
