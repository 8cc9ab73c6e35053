//! What is told of a training while it goes on, and how much a replaced worker could hide in it.
//!
//! Used by `agent_loop`, and by `egress`, which sends a [`CoarseProgress`] and nothing finer; `cli::status`
//! prints [`ROUND_BITS`]. The worker's numbers are a wish. Invariants: one message for each fiftieth of a
//! round at most, and none within `PROGRESS_INTERVAL_MS_MIN` of this process's own clock; parts only grow;
//! the total is the one of the round's first message, and stays here: steps leave as hundredths, because a
//! coordinator that chose the batch size would read the exact number of records in them; speed has two
//! significant digits; the loss is in thousandths and moves by `LOSS_CHANGE_MILLI_MAX` at most. What is out
//! of range is dropped and counted, and ends nothing. What was told of a round is in the database before it
//! is sent, so a restart gives no second budget.

use common::limits::{
    COUNT_MAX, LOSS_NATS_MAX, OWN_SCORES_RECORDS_MAX, PROGRESS_INTERVAL_MS_MIN, RECORDS_MAX,
};
use common::wire::message::RoundKey;
use common::wire::numbers::{LossMilli, RoundedCount};

use crate::limits::{LOSS_CHANGE_MILLI_MAX, PROGRESS_MESSAGES_MAX, PROGRESS_STEPS_MAX, TOKENS_PER_S_MAX};
use crate::pipe::Progress;

/// Bits of one round beside its update, each quantity with the number of values it can have:
/// for each fiftieth whether its message came, its loss and its speed; the record count of `ready`; records,
/// tokens and loss of `offer`; the code of `failed`, or none. Times of messages are not counted.
pub const ROUND_BITS: u64 = PROGRESS_BITS + READY_BITS + OFFER_BITS + FAILED_BITS;
/// Bits of a run beside its rounds: the power of two that `overlap-declare` names, or none of the 16.
pub const RUN_BITS: u64 = bits(17);
/// Bits of a run that asks for own scores, at a site that says them: the count, two losses, the two ends of
/// an interval; the codes of one that does not say have room in the count.
pub const SCORES_BITS: u64 = bits(counts(SCORED_COUNTS)) + 2 * FIRST_LOSS_BITS + 2 * bits(GAINS);
/// Bits of a run beside its rounds at a site that says its own scores, or does not.
#[must_use]
pub const fn run_bits(says_own_scores: bool) -> u64 {
    if says_own_scores { RUN_BITS + SCORES_BITS } else { RUN_BITS }
}

/// See [`ROUND_BITS`].
pub const PROGRESS_BITS: u64 = FIRST_LOSS_BITS
    + (PROGRESS_MESSAGES_MAX as u64 - 1) * bits(2 * LOSS_CHANGE_MILLI_MAX as u64 + 1)
    + PROGRESS_MESSAGES_MAX as u64 * (1 + bits(counts(TOKENS_PER_S_MAX as u64)));
/// The power of ten above the most records of a score.
const SCORED_COUNTS: u64 = 10_000;
const _: () = assert!(OWN_SCORES_RECORDS_MAX <= SCORED_COUNTS, "every count has its value");
/// Thousandths of a nat on both sides of 0.
const GAINS: u64 = 2 * LOSS_NATS_MAX as u64 * 1000 + 1;
const READY_BITS: u64 = bits(counts(RECORDS_MAX));
const OFFER_BITS: u64 = bits(counts(RECORDS_MAX)) + bits(powers(COUNT_MAX)) + FIRST_LOSS_BITS;
const FAILED_BITS: u64 = bits(10);
const FIRST_LOSS_BITS: u64 = bits(LOSS_NATS_MAX as u64 * 1000 + 1);

/// How many values a count of two significant digits has that is not above `largest`, a power of ten: 0 to
/// 99, then 90 for each further digit, and `largest` itself.
const fn counts(largest: u64) -> u64 {
    let digits = largest.ilog10() as u64;
    100 + 90 * (digits - 2) + 1
}

/// How many powers of two are not above `largest`, and zero.
const fn powers(largest: u64) -> u64 {
    largest.ilog2() as u64 + 2
}

/// Bits that tell so many values apart, rounded up.
const fn bits(values: u64) -> u64 {
    (u64::BITS - (values - 1).leading_zeros()) as u64
}

/// Progress as it may leave. Made by [`ProgressGate::admit`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoarseProgress {
    percent: u32,
    loss: LossMilli,
    tokens_per_s: u32,
}

impl CoarseProgress {
    /// How much of the round is done, in hundredths; a multiple of two.
    #[must_use]
    pub fn percent(&self) -> u32 {
        self.percent
    }

    /// The loss.
    #[must_use]
    pub fn loss(&self) -> LossMilli {
        self.loss
    }

    /// The speed, two significant digits.
    #[must_use]
    pub fn tokens_per_s(&self) -> u32 {
        self.tokens_per_s
    }
}

/// What was told of a round so far; kept in the site's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The total of the round's first message, exact.
    pub total_steps: u32,
    /// Hundredths of the round that are done.
    pub part: u32,
    /// The loss told last, in thousandths.
    pub loss_milli: u32,
}

/// Why a worker's message is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// The round is no further than at the last message, or that was a moment ago. An honest worker's
    /// messages are dropped for this, too.
    NothingNew,
    /// A number is outside its range, or the total is another one.
    OutOfRange,
}

/// Decides which of a worker's messages are passed on, and counts the others.
#[derive(Debug, Default)]
pub struct ProgressGate {
    /// When the last message was admitted, in milliseconds of this process's own clock.
    admitted_ms: Option<u64>,
    dropped: u64,
    out_of_range: u64,
}

impl ProgressGate {
    /// The message as it may leave, and what is told with it. `told` is what was told of this round before,
    /// `now_ms` this process's own clock, which only goes forward.
    ///
    /// # Errors
    /// Why it is dropped.
    pub fn admit(
        &mut self,
        key: RoundKey,
        progress: &Progress,
        told: Option<Told>,
        now_ms: u64,
    ) -> Result<(CoarseProgress, Told), Dropped> {
        let is_soon = self
            .admitted_ms
            .is_some_and(|admitted| now_ms.saturating_sub(admitted) < PROGRESS_INTERVAL_MS_MIN);
        let outcome = if is_soon { Err(Dropped::NothingNew) } else { next(progress, told) };
        match outcome {
            Ok(_) => self.admitted_ms = Some(now_ms),
            Err(why) => self.count(key, why),
        }
        outcome
    }

    fn count(&mut self, key: RoundKey, why: Dropped) {
        self.dropped += 1;
        if why == Dropped::OutOfRange {
            self.out_of_range += 1;
            // At 1, 2, 4, 8 ...: a flood fills no log.
            if self.out_of_range.is_power_of_two() {
                let (count, dropped) = (self.out_of_range, self.dropped);
                tracing::warn!(run = %key.run, round = key.round.0, count, dropped, "the worker's progress is out of range and was dropped");
            }
        }
    }

    /// Messages that were not passed on.
    #[cfg(test)]
    fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn next(progress: &Progress, told: Option<Told>) -> Result<(CoarseProgress, Told), Dropped> {
    let Progress { step, total_steps, loss, tokens_per_s } = *progress;
    let is_in_range = (1..=PROGRESS_STEPS_MAX).contains(&total_steps)
        && step <= total_steps
        && (0.0..=LOSS_NATS_MAX).contains(&loss)
        && tokens_per_s <= TOKENS_PER_S_MAX;
    if !is_in_range || told.is_some_and(|told| told.total_steps != total_steps) {
        return Err(Dropped::OutOfRange);
    }
    let parts = parts_of(total_steps);
    let part = PERCENT / parts * scaled(step, total_steps, parts);
    // A training that goes on from its last checkpoint says earlier steps again.
    if part <= told.map_or(0, |told| told.part) {
        return Err(Dropped::NothingNew);
    }
    // Between 0 and 64,000.
    let exact = (loss * 1000.0).round() as u32;
    let loss_milli = told.map_or(exact, |told| {
        let lowest = told.loss_milli.saturating_sub(LOSS_CHANGE_MILLI_MAX);
        exact.clamp(lowest, told.loss_milli + LOSS_CHANGE_MILLI_MAX)
    });
    let coarse = CoarseProgress {
        percent: part,
        loss: LossMilli::of(f64::from(loss_milli) / 1000.0),
        tokens_per_s: two_digits(tokens_per_s),
    };
    Ok((coarse, Told { total_steps, part, loss_milli }))
}

/// In how many parts a round is told. Not in as many as it has steps: the number of messages would be that
/// of the steps.
fn parts_of(total_steps: u32) -> u32 {
    match total_steps {
        PROGRESS_MESSAGES_MAX.. => PROGRESS_MESSAGES_MAX,
        FEW_PARTS.. => FEW_PARTS,
        _ => 1,
    }
}

/// The whole, in hundredths.
pub const PERCENT: u32 = 100;
/// The parts of a round with fewer steps than `PROGRESS_MESSAGES_MAX`.
const FEW_PARTS: u32 = 10;

/// `value` of `whole`, as so many of `parts`, rounded down.
fn scaled(value: u32, whole: u32, parts: u32) -> u32 {
    let scaled = u64::from(value) * u64::from(parts) / u64::from(whole.max(1));
    u32::try_from(scaled).unwrap_or(parts)
}

fn two_digits(value: u32) -> u32 {
    // Far below the largest u32: the callers' values are bounded.
    u32::try_from(RoundedCount::of(u64::from(value)).value()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
