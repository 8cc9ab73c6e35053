//! The one source of randomness: a ChaCha stream with the few draws that are needed. Used by the other files
//! here, by `make-demo-data` and by the release demo. Invariant: portable; the same seed gives the same draws
//! on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A seeded stream of choices.
pub struct Sampler(ChaCha8Rng);

impl Sampler {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform in `0..count`; the bias of the remainder is below 2^-50 for the counts used here.
    pub fn below(&mut self, count: usize) -> usize {
        (self.0.next_u64() % count.max(1) as u64) as usize
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Fisher-Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Normal with mean 0 and the given standard deviation (sum of twelve uniforms, which is close enough
    /// here).
    pub fn normal(&mut self, deviation: f32) -> f32 {
        let sum: f32 = (0..12).map(|_| (self.0.next_u32() >> 8) as f32 / 16_777_216.0).sum();
        (sum - 6.0) * deviation
    }
}
