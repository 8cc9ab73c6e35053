//! How long a training is, and where in the order of the samples it begins. Used by `order` and, as data, by
//! whoever maps a run file to settings. Invariants: the steps of a training are a function of (settings,
//! steps of a pass), never of what an earlier training kept; trainings that follow each other leave no step
//! out and do none twice.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A whole pass in millionths: the unit of [`Length::Millionths`].
pub const PASS_MILLIONTHS: u64 = 1_000_000;

/// What one training does of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// So many whole passes, each in an order of its own.
    Passes(u64),
    /// A stretch of an endless order, in which each pass has an order of its own.
    Stretch {
        /// How long it is.
        length: Length,
        /// How many stretches of this length come before it.
        before: u64,
        /// Seed of the endless order: the same for all stretches that follow each other.
        order_seed: u64,
    },
}

/// How long a stretch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Millionths of a pass. Each stretch ends at the step that is nearest to its share, so that stretches
    /// that make up whole passes end where the passes end.
    Millionths(u64),
    /// Optimiser steps.
    Steps(u64),
}

impl Work {
    /// The steps of this training, counted from the beginning of its order.
    pub(super) fn range(self, steps_of_a_pass: u64) -> Range<u64> {
        match self {
            Self::Passes(passes) => 0..passes.saturating_mul(steps_of_a_pass),
            Self::Stretch { length, before, .. } => {
                let end = |stretches: u64| match length {
                    Length::Steps(steps) => steps.saturating_mul(stretches),
                    Length::Millionths(share) => nearest(share, stretches, steps_of_a_pass),
                };
                end(before)..end(before.saturating_add(1))
            }
        }
    }

    /// The fewest steps that a stretch of this length has, wherever it begins: two neighbours differ by one
    /// where the share is no whole number of steps.
    pub(super) fn steps_min(self, steps_of_a_pass: u64) -> u64 {
        match self {
            Self::Stretch { length: Length::Millionths(share), .. } => {
                let steps = u128::from(share) * u128::from(steps_of_a_pass) / u128::from(PASS_MILLIONTHS);
                u64::try_from(steps).unwrap_or(u64::MAX)
            }
            Self::Passes(_) | Self::Stretch { length: Length::Steps(_), .. } => {
                self.range(steps_of_a_pass).end - self.range(steps_of_a_pass).start
            }
        }
    }

    /// Whether no training of this length goes over the end of a pass and on, wherever in the order it
    /// begins.
    pub(super) fn ends_where_passes_end(self, steps_of_a_pass: u64) -> bool {
        match self {
            Self::Passes(_) => true,
            Self::Stretch { length: Length::Steps(steps), .. } => {
                steps > 0 && steps_of_a_pass.is_multiple_of(steps)
            }
            Self::Stretch { length: Length::Millionths(share), .. } => {
                share > 0 && PASS_MILLIONTHS.is_multiple_of(share)
            }
        }
    }

    /// What the order is drawn from. Stretches of another length have another order: the difference of two
    /// updates that differ in their length alone would else be the steps between the two.
    pub(super) fn order_key(self, seed: u64) -> Vec<u8> {
        let Self::Stretch { length, order_seed, .. } = self else { return seed.to_le_bytes().to_vec() };
        let (kind, length) = match length {
            Length::Millionths(share) => (1, share),
            Length::Steps(steps) => (2, steps),
        };
        [&order_seed.to_le_bytes()[..], &[kind], &length.to_le_bytes()].concat()
    }
}

/// The step at which so many stretches end: to the nearest, because a third of a pass is no whole number of
/// millionths and three of them are to be a pass all the same.
fn nearest(share: u64, stretches: u64, steps_of_a_pass: u64) -> u64 {
    let unit = u128::from(PASS_MILLIONTHS);
    let millionths =
        u128::from(share).saturating_mul(stretches.into()).saturating_mul(steps_of_a_pass.into());
    u64::try_from(millionths.saturating_add(unit / 2) / unit).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(length: Length, before: u64) -> Work {
        Work::Stretch { length, before, order_seed: 7 }
    }

    #[test]
    fn stretches_follow_each_other_and_end_where_their_passes_end() {
        // 45 steps a pass: quarters of 11.25 steps; a third of a pass is not a whole number of millionths.
        for (share, parts) in [(250_000, 4), (125_000, 8), (333_333, 3), (500_000, 2), (100_000, 10)] {
            let mut at = 0;
            for before in 0..3 * parts {
                let work = stretch(Length::Millionths(share), before);
                let range = work.range(45);
                assert_eq!(range.start, at, "{share}");
                assert!(range.end - range.start >= work.steps_min(45), "{share}");
                assert!(range.end - range.start <= work.steps_min(45) + 1, "{share}");
                at = range.end;
                if (before + 1) % parts == 0 {
                    assert_eq!(at, 45 * (before + 1) / parts, "{share}");
                }
            }
        }
    }

    #[test]
    fn steps_are_counted_as_they_are_and_passes_begin_at_the_beginning() {
        assert_eq!(stretch(Length::Steps(20), 3).range(45), 60..80);
        assert_eq!(stretch(Length::Steps(20), 3).steps_min(45), 20);
        assert_eq!(Work::Passes(2).range(45), 0..90);
        assert_eq!(Work::Passes(2).steps_min(45), 90);
    }

    #[test]
    fn no_number_overflows() {
        let work = stretch(Length::Millionths(u64::MAX), u64::MAX);
        assert_eq!(work.range(u64::MAX).end, u64::MAX);
        assert_eq!(stretch(Length::Steps(u64::MAX), u64::MAX).range(1).start, u64::MAX);
        assert_eq!(work.steps_min(u64::MAX), u64::MAX);
    }
}
