//! Which samples each optimiser step trains on: a pure function of (lengths, settings, step). Called by
//! `train`. Invariants: every epoch sees every sample once; every epoch has the same number of steps; a
//! resumed run needs the step number only, and a training that goes on where another ended its place.

use std::cmp::Reverse;
use std::ops::Range;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

use super::packing::pack;
use super::settings::{Batching, TrainSettings};
use super::work::Work;

/// Batches that are sorted by length together. transformers' `group_by_length` uses as many: enough to find
/// neighbours of like length, few enough to leave an epoch in random order.
const BATCHES_SORTED_TOGETHER: usize = 50;

/// The order of the samples of a whole training.
pub(super) struct SampleOrder {
    /// Tokens that each sample feeds to the model.
    lengths: Vec<usize>,
    batching: Batching,
    batch_size: usize,
    accumulation: usize,
    /// The steps of this training, counted from the beginning of the order.
    steps: Range<u64>,
    /// What the order is drawn from.
    key: Vec<u8>,
    passes_per_epoch: usize,
    /// The epoch whose passes are held, and those passes.
    current: Option<(u64, Vec<Vec<usize>>)>,
}

impl SampleOrder {
    pub(super) fn new(lengths: Vec<usize>, settings: &TrainSettings) -> Self {
        let units = match settings.batching {
            Batching::Shuffled | Batching::ByLength => lengths.len(),
            Batching::Packed { capacity_tokens } => {
                let order: Vec<usize> = (0..lengths.len()).collect();
                pack(&lengths, &order, capacity_tokens).len()
            }
        };
        let passes_per_epoch = units.div_ceil(settings.batch_size);
        let steps_per_epoch = passes_per_epoch.div_ceil(settings.gradient_accumulation) as u64;
        Self {
            lengths,
            batching: settings.batching,
            batch_size: settings.batch_size,
            accumulation: settings.gradient_accumulation,
            steps: settings.work.range(steps_per_epoch),
            key: settings.work.order_key(settings.seed),
            passes_per_epoch,
            current: None,
        }
    }

    pub(super) fn steps_per_epoch(&self) -> u64 {
        self.passes_per_epoch.div_ceil(self.accumulation) as u64
    }

    pub(super) fn total_steps(&self) -> u64 {
        self.steps.end - self.steps.start
    }

    pub(super) fn passes_per_epoch(&self) -> usize {
        self.passes_per_epoch
    }

    /// Whether an epoch ends with step `step` of this training (counted from 1).
    pub(super) fn ends_an_epoch(&self, step: u64) -> bool {
        (self.steps.start + step).is_multiple_of(self.steps_per_epoch())
    }

    /// The sample indices of step `step` of this training (counted from 0), one list for each forward pass.
    /// The last pass of an epoch may be short, and its last step may have fewer passes: nothing is dropped.
    pub(super) fn step(&mut self, step: u64) -> Vec<Vec<usize>> {
        let step = self.steps.start + step;
        let (epoch, within) = (step / self.steps_per_epoch(), (step % self.steps_per_epoch()) as usize);
        if self.current.as_ref().is_none_or(|(held, _)| *held != epoch) {
            self.current = Some((epoch, self.passes(epoch)));
        }
        let passes = self.current.as_ref().map_or(&[][..], |(_, passes)| passes);
        let start = (within * self.accumulation).min(passes.len());
        let end = (start + self.accumulation).min(passes.len());
        passes[start..end].to_vec()
    }

    /// The fewest different samples that a training of this length feeds, wherever in the order it begins: a
    /// lower bound. Over the end of a pass a sample may come twice, so that only the larger part counts,
    /// which is half at least. What a pass has beyond the steps that count is at most so many full ones; of a
    /// pack nothing is known but that it has a sample.
    pub(super) fn samples_min(&self, work: Work) -> u64 {
        let (all, of_a_pass) = (self.lengths.len() as u64, self.steps_per_epoch());
        let steps = work.steps_min(of_a_pass);
        let in_one_pass = if work.ends_where_passes_end(of_a_pass) { steps } else { steps.div_ceil(2) };
        if in_one_pass >= of_a_pass || steps >= 2 * of_a_pass - 1 {
            return all;
        }
        let full = (self.batch_size as u64).saturating_mul(self.accumulation as u64);
        match self.batching {
            Batching::Shuffled | Batching::ByLength => {
                all.saturating_sub((of_a_pass - in_one_pass).saturating_mul(full))
            }
            Batching::Packed { .. } => in_one_pass.saturating_sub(1).saturating_mul(full).min(all),
        }
    }

    /// All forward passes of an epoch.
    fn passes(&self, epoch: u64) -> Vec<Vec<usize>> {
        let mut order = shuffled(b"batch-order/1\0", self.lengths.len(), &self.key, epoch);
        let units = match self.batching {
            Batching::Shuffled => {
                return order.chunks(self.batch_size).map(<[usize]>::to_vec).collect();
            }
            Batching::ByLength => {
                for together in order.chunks_mut(self.batch_size * BATCHES_SORTED_TOGETHER) {
                    together.sort_by_key(|sample| Reverse(self.lengths[*sample]));
                }
                order.chunks(self.batch_size).map(<[usize]>::to_vec).collect()
            }
            Batching::Packed { capacity_tokens } => pack(&self.lengths, &order, capacity_tokens),
        };
        // Sorting and packing have put the long ones first; the order of what they made is random again.
        let order = shuffled(b"pass-order/1\0", units.len(), &self.key, epoch);
        let shuffled: Vec<Vec<usize>> = order.into_iter().map(|unit| units[unit].clone()).collect();
        match self.batching {
            Batching::Packed { .. } => shuffled.chunks(self.batch_size).map(<[Vec<usize>]>::concat).collect(),
            Batching::Shuffled | Batching::ByLength => shuffled,
        }
    }
}

/// Divides `count` samples into those that are trained on and a random share that is not: (training, held
/// out), both ascending. At least one sample is held out, and at least one is not, if there are two.
#[must_use]
pub fn hold_out(count: usize, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    if share <= 0.0 || count < 2 {
        return ((0..count).collect(), Vec::new());
    }
    let wanted = ((count as f64 * share).round() as usize).clamp(1, count - 1);
    let mut order = shuffled(b"held-out/1\0", count, &seed.to_le_bytes(), 0);
    let mut training = order.split_off(wanted);
    order.sort_unstable();
    training.sort_unstable();
    (training, order)
}

/// Fisher-Yates with ChaCha20 keyed by SHA-256(purpose, key, epoch); indices by rejection, so unbiased.
fn shuffled(purpose: &[u8], count: usize, key: &[u8], epoch: u64) -> Vec<usize> {
    let mut hash = Sha256::new();
    hash.update(purpose);
    hash.update(key);
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
    use crate::train::Length;

    const KINDS: [Batching; 3] =
        [Batching::Shuffled, Batching::ByLength, Batching::Packed { capacity_tokens: 30 }];

    fn settings(batching: Batching) -> TrainSettings {
        let work = Work::Passes(2);
        TrainSettings { work, batch_size: 3, gradient_accumulation: 2, batching, ..Default::default() }
    }

    fn lengths() -> Vec<usize> {
        (0..40).map(|index| 3 + index * 7 % 23).collect()
    }

    #[test]
    fn every_epoch_sees_every_sample_once_in_another_order() {
        for kind in KINDS {
            let mut plan = SampleOrder::new(lengths(), &settings(kind));
            let steps = plan.steps_per_epoch();
            let mut epochs = Vec::new();
            for epoch in 0..2 {
                let order: Vec<usize> =
                    (0..steps).flat_map(|step| plan.step(epoch * steps + step)).flatten().collect();
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..40).collect::<Vec<_>>(), "{kind:?}");
                epochs.push(order);
            }
            assert_ne!(epochs[0], epochs[1], "{kind:?}");
            // Any step can be asked for on its own: that is what a resumed run does.
            let middle = steps + 1;
            assert_eq!(SampleOrder::new(lengths(), &settings(kind)).step(middle), plan.step(middle));
            let other = TrainSettings { seed: 8, ..settings(kind) };
            assert_ne!(SampleOrder::new(lengths(), &other).step(0), plan.step(0), "{kind:?}");
        }
    }

    /// What the stretches of `length` train on, one after the other, each known by nothing but its number.
    fn stretches(batching: Batching, length: Length, count: u64) -> Vec<Vec<usize>> {
        let of = |before| {
            let work = Work::Stretch { length, before, order_seed: 5 };
            // Everything else of a round differs from round to round.
            let mut plan =
                SampleOrder::new(lengths(), &TrainSettings { work, seed: before, ..settings(batching) });
            (0..plan.total_steps()).flat_map(|step| plan.step(step)).flatten().collect()
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn four_quarters_are_a_pass_and_the_next_four_another() {
        for kind in KINDS {
            let quarters = stretches(kind, Length::Millionths(250_000), 8);
            assert!(quarters.iter().all(|quarter| !quarter.is_empty()), "{kind:?}");
            let (mut first, mut second) = (quarters[..4].concat(), quarters[4..].concat());
            assert_ne!(first, second, "{kind:?}");
            first.sort_unstable();
            second.sort_unstable();
            let all: Vec<usize> = (0..40).collect();
            assert_eq!((&first, &second), (&all, &all), "{kind:?}");
        }
    }

    #[test]
    fn steps_go_on_across_the_end_of_a_pass() {
        let steps = stretches(Batching::Shuffled, Length::Steps(3), 7).concat();
        // 7 steps a pass: 21 steps are three of them.
        for pass in steps.chunks(40) {
            let mut pass = pass.to_vec();
            pass.sort_unstable();
            assert_eq!(pass, (0..40).collect::<Vec<_>>());
        }
        assert_eq!(steps.len(), 120);
    }

    /// Otherwise the difference of two updates of one seed would be the steps that one has and the other has
    /// not.
    #[test]
    fn two_lengths_have_two_orders() {
        let first = |length| stretches(Batching::Shuffled, length, 1).concat()[..6].to_vec();
        let lengths = [3, 4].map(Length::Steps).into_iter().chain([300_000, 300_001].map(Length::Millionths));
        let mut orders: Vec<Vec<usize>> = lengths.map(first).collect();
        let mut whole = SampleOrder::new(self::lengths(), &settings(Batching::Shuffled));
        orders.push(whole.step(0).concat()[..6].to_vec());
        orders.sort();
        orders.dedup();
        assert_eq!(orders.len(), 5);
    }

    #[test]
    fn no_stretch_feeds_fewer_samples_than_is_said_of_its_length() {
        let lengths: Vec<usize> = (0..121).map(|index| 3 + index * 7 % 23).collect();
        let stretches = [1, 3, 5, 14, 16, 20, 31, 40].map(Length::Steps);
        let shares = [125_000, 250_000, 300_000, 500_000, 1_500_000].map(Length::Millionths);
        for (kind, length) in
            KINDS.into_iter().flat_map(|kind| stretches.iter().chain(&shares).map(move |of| (kind, *of)))
        {
            let settings = |before| TrainSettings {
                work: Work::Stretch { length, before, order_seed: 5 },
                batch_size: 8,
                gradient_accumulation: 1,
                ..settings(kind)
            };
            let said = SampleOrder::new(lengths.clone(), &settings(0)).samples_min(settings(0).work);
            let fewest = (0..30).map(|before| {
                let mut order = SampleOrder::new(lengths.clone(), &settings(before));
                let mut fed: Vec<usize> =
                    (0..order.total_steps()).flat_map(|step| order.step(step)).flatten().collect();
                fed.sort_unstable();
                fed.dedup();
                fed.len() as u64
            });
            let fewest = fewest.min().unwrap();
            assert!(said <= fewest, "{kind:?} {length:?}: {said} is said, {fewest} are fed");
            let is_tight = !matches!(length, Length::Millionths(250_000 | 500_000)) || said + 16 >= fewest;
            assert!(
                is_tight || matches!(kind, Batching::Packed { .. }),
                "{kind:?} {length:?}: {said} of {fewest}"
            );
        }
        let whole = settings(Batching::Shuffled);
        assert_eq!(SampleOrder::new(lengths.clone(), &whole).samples_min(whole.work), 121);
    }

    #[test]
    fn a_short_pass_and_a_short_step_end_the_epoch() {
        let mut plan = SampleOrder::new(vec![5; 10], &settings(Batching::Shuffled));
        assert_eq!(plan.total_steps(), 4);
        assert_eq!(plan.step(0).iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
        assert_eq!(plan.step(1).iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn batches_by_length_hold_neighbours_and_stay_in_random_order() {
        let lengths: Vec<usize> = (0..600).map(|index| 1 + index * 37 % 600).collect();
        let settings = TrainSettings { batch_size: 4, batching: Batching::ByLength, ..Default::default() };
        let mut plan = SampleOrder::new(lengths.clone(), &settings);
        let batches: Vec<Vec<usize>> = (0..plan.steps_per_epoch()).flat_map(|step| plan.step(step)).collect();
        let spread: usize = batches
            .iter()
            .map(|batch| {
                let of = |sample: &usize| lengths[*sample];
                batch.iter().map(of).max().unwrap() - batch.iter().map(of).min().unwrap()
            })
            .sum();
        // Random batches of four of 600 lengths spread over about 360; neighbours among 200 over about 9.
        assert!(spread / batches.len() < 15, "{}", spread / batches.len());
        let first: Vec<usize> = batches.iter().map(|batch| lengths[batch[0]]).collect();
        let falls = first.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!((50..100).contains(&falls), "{falls} of 149 neighbours fall: random order has about half");
    }

    #[test]
    fn packs_are_filled_and_a_pass_holds_so_many_of_them() {
        let lengths = lengths();
        let mut plan = SampleOrder::new(lengths.clone(), &settings(Batching::Packed { capacity_tokens: 30 }));
        let passes: Vec<Vec<usize>> = (0..plan.steps_per_epoch()).flat_map(|step| plan.step(step)).collect();
        let tokens: Vec<usize> =
            passes.iter().map(|pass| pass.iter().map(|sample| lengths[*sample]).sum()).collect();
        assert!(tokens.iter().all(|tokens| *tokens <= 3 * 30), "{tokens:?}");
        let total: usize = lengths.iter().sum();
        assert!(passes.len() <= total.div_ceil(90) + 1, "{} passes for {total} tokens", passes.len());
    }

    #[test]
    fn the_held_out_share_is_a_function_of_the_seed() {
        let (training, held_out) = hold_out(100, 0.1, 7);
        assert_eq!((training.len(), held_out.len()), (90, 10));
        let mut all = [training.clone(), held_out.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(hold_out(100, 0.1, 7), (training, held_out.clone()));
        assert_ne!(hold_out(100, 0.1, 8).1, held_out);
        assert_eq!(hold_out(2, 0.01, 1).1.len(), 1);
        assert_eq!(hold_out(2, 0.99, 1).0.len(), 1);
        assert_eq!(hold_out(1, 0.5, 1), (vec![0], vec![]));
        assert_eq!(hold_out(5, 0.0, 1), ((0..5).collect(), vec![]));
    }
}
