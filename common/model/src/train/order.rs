//! Which samples each optimiser step trains on: a pure function of (seed, step). Called by `train`.
//! Invariants: every epoch sees every sample once; a resumed run needs the step number only.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// The plan of a whole training.
pub(super) struct Plan {
    samples: usize,
    batch_size: usize,
    accumulation: usize,
    epochs: u64,
    seed: u64,
    /// The epoch whose order is held, and that order.
    current: Option<(u64, Vec<usize>)>,
}

impl Plan {
    pub(super) fn new(samples: usize, settings: &super::TrainSettings) -> Self {
        Self {
            samples,
            batch_size: settings.batch_size,
            accumulation: settings.gradient_accumulation,
            epochs: settings.epochs,
            seed: settings.seed,
            current: None,
        }
    }

    fn steps_per_epoch(&self) -> u64 {
        self.samples.div_ceil(self.batch_size).div_ceil(self.accumulation) as u64
    }

    pub(super) fn total_steps(&self) -> u64 {
        self.steps_per_epoch() * self.epochs
    }

    /// The sample indices of step `step` (counted from 0), one list for each forward pass. The last batch of an
    /// epoch may be short, and its last step may have fewer batches: nothing is dropped.
    pub(super) fn step(&mut self, step: u64) -> Vec<Vec<usize>> {
        let (epoch, within) = (step / self.steps_per_epoch(), (step % self.steps_per_epoch()) as usize);
        if self.current.as_ref().is_none_or(|(held, _)| *held != epoch) {
            self.current = Some((epoch, shuffled(self.samples, self.seed, epoch)));
        }
        let order = self.current.as_ref().map_or(&[][..], |(_, order)| order);
        let per_step = self.batch_size * self.accumulation;
        let start = (within * per_step).min(order.len());
        let end = (start + per_step).min(order.len());
        order[start..end].chunks(self.batch_size).map(<[usize]>::to_vec).collect()
    }
}

/// Fisher-Yates with ChaCha20 keyed by SHA-256("batch-order/1", seed, epoch); indices by rejection, so unbiased.
fn shuffled(count: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut hash = Sha256::new();
    hash.update(b"batch-order/1\0");
    hash.update(seed.to_le_bytes());
    hash.update(epoch.to_le_bytes());
    let mut stream = ChaCha20Rng::from_seed(hash.finalize().into());
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let other = below(&mut stream, last as u64 + 1) as usize;
        order.swap(last, other);
    }
    order
}

/// Uniform in `0..bound`.
fn below(stream: &mut ChaCha20Rng, bound: u64) -> u64 {
    let zone = u64::MAX - u64::MAX % bound;
    loop {
        let value = stream.next_u64();
        if value < zone {
            return value % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::TrainSettings;

    #[test]
    fn every_epoch_sees_every_sample_once_in_another_order() {
        let settings =
            TrainSettings { epochs: 2, batch_size: 3, gradient_accumulation: 2, ..Default::default() };
        let mut plan = Plan::new(10, &settings);
        assert_eq!(plan.total_steps(), 4);
        let mut epochs = Vec::new();
        for epoch in 0..2 {
            let steps: Vec<_> = (0..2).map(|step| plan.step(epoch * 2 + step)).collect();
            assert_eq!(steps[0].iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
            assert_eq!(steps[1].iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
            let order: Vec<usize> = steps.into_iter().flatten().flatten().collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
            epochs.push(order);
        }
        assert_ne!(epochs[0], epochs[1]);
        // Any step can be asked for on its own: that is what a resumed run does.
        assert_eq!(Plan::new(10, &settings).step(3), plan.step(3));
    }

    #[test]
    fn the_order_is_pinned_across_versions() {
        assert_eq!(shuffled(8, 7, 0), shuffled(8, 7, 0));
        assert_ne!(shuffled(8, 7, 0), shuffled(8, 8, 0));
    }
}
