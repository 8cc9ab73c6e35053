//! Robust combinations of one block: the median, the trimmed mean, and the mean of clipped changes; and on
//! the same pass how large each site's change of the last adapter is. Called by `aggregate` where a run asks
//! for it. Invariants: a function of the values and weights alone, in f64, rounded once to f32; n log n in
//! the sites for the median and the trimmed mean, linear for clipping.

use super::error::AggregateError;
use super::inputs::Averaging;
use super::lanes;
use super::mean::{self, OfBlock};
use super::panels::Block;

/// A rule with what it needs of all updates.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    /// What each change is multiplied by, at most 1.
    Clip(Vec<f64>),
    /// Values left out at each end of `n` sorted ones, before the mean of the rest; of a median all but one
    /// or two.
    Trim(usize),
}

impl Rule {
    /// Of changes with these norms.
    pub(super) fn clip(norms: &[f64]) -> Self {
        let median = middle(&mut norms.to_vec());
        let factor = |norm: &f64| if *norm > median { median / norm } else { 1.0 };
        Self::Clip(norms.iter().map(factor).collect())
    }

    /// Without this share of so many sites at each end; always at least one stays.
    pub(super) fn trim(share: f64, sites: usize) -> Self {
        // A float that is a hair below a whole number is meant as that: 0.2 of 5 is 1.
        let cut = (share * sites as f64 + 1e-9).floor() as usize;
        Self::Trim(cut.min(sites.saturating_sub(1) / 2))
    }

    /// But for the one or two in the middle.
    pub(super) fn median(sites: usize) -> Self {
        Self::Trim(sites.saturating_sub(1) / 2)
    }
}

/// The median; of an even number the mean of the two in the middle. 0 of nothing.
fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let cut = values.len().saturating_sub(1) / 2;
    let rest = &values[cut..values.len() - cut];
    rest.iter().sum::<f64>() / rest.len().max(1) as f64
}

/// What a thread needs for it.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    before: Vec<f32>,
    /// Every site's values, one site after the other.
    values: Vec<f32>,
    column: Vec<f32>,
    sums: Vec<f64>,
}

impl Scratch {
    /// The squared norms of the changes over one block, and nothing else: what [`Rule::clip`] needs first.
    pub(super) fn norms(&mut self, of: &Averaging<'_>, block: Block) -> Result<Vec<f64>, AggregateError> {
        of.read(block, &mut self.before, &mut self.values)?;
        Ok(self.squared(block))
    }

    /// The combination over one block.
    pub(super) fn of_block(
        &mut self,
        of: &Averaging<'_>,
        rule: &Rule,
        block: Block,
    ) -> Result<OfBlock, AggregateError> {
        of.read(block, &mut self.before, &mut self.values)?;
        let squared = self.squared(block);
        let values = match rule {
            Rule::Clip(factors) => self.clipped(of.p, factors, block),
            Rule::Trim(cut) => self.trimmed(*cut, block),
        };
        Ok(OfBlock { values, squared })
    }

    fn squared(&self, block: Block) -> Vec<f64> {
        let of_site = |values| lanes::sum(values, &self.before, mean::squared_change);
        self.values.chunks_exact(block.count).map(of_site).collect()
    }

    /// `last + sum p_i c_i (x_i - last)`.
    fn clipped(&mut self, p: &[f64], factors: &[f64], block: Block) -> Vec<f32> {
        let Self { before, values, sums, .. } = self;
        sums.clear();
        sums.extend(before.iter().map(|last| f64::from(*last)));
        for ((values, weight), factor) in values.chunks_exact(block.count).zip(p).zip(factors) {
            let part = weight * factor;
            for ((sum, now), last) in sums.iter_mut().zip(values).zip(&*before) {
                *sum += part * (f64::from(*now) - f64::from(*last));
            }
        }
        mean::rounded(sums)
    }

    /// Of each element the mean without the `cut` smallest and the `cut` largest values.
    fn trimmed(&mut self, cut: usize, block: Block) -> Vec<f32> {
        let Self { values, column, .. } = self;
        let of_element = |element: usize| {
            column.clear();
            column.extend(values.iter().skip(element).step_by(block.count));
            column.sort_unstable_by(f32::total_cmp);
            let rest = &column[cut..column.len() - cut];
            let sum: f64 = rest.iter().map(|value| f64::from(*value)).sum();
            (sum / rest.len() as f64) as f32
        };
        (0..block.count).map(of_element).collect()
    }
}

#[cfg(test)]
mod tests {
    use common::run::RobustRule;
    use proptest::prelude::*;

    use super::*;

    fn combined(rule: RobustRule, last: &[f32], updates: &[Vec<f32>]) -> Vec<f32> {
        let norm = |update: &Vec<f32>| {
            update.iter().zip(last).map(|(now, last)| f64::from(now - last).powi(2)).sum::<f64>().sqrt()
        };
        let rule = match rule {
            RobustRule::Clip => Rule::clip(&updates.iter().map(norm).collect::<Vec<_>>()),
            RobustRule::Median => Rule::median(updates.len()),
            RobustRule::TrimmedMean { share } => Rule::trim(share, updates.len()),
        };
        let mut scratch = Scratch { before: last.to_vec(), values: updates.concat(), ..Scratch::default() };
        let block = Block { tensor: 0, first: 0, count: last.len() };
        match rule {
            Rule::Clip(factors) => {
                scratch.clipped(&vec![1.0 / updates.len() as f64; updates.len()], &factors, block)
            }
            Rule::Trim(cut) => scratch.trimmed(cut, block),
        }
    }

    const TRIM: RobustRule = RobustRule::TrimmedMean { share: 0.2 };

    /// Flower 1.x `aggregate_median` and `aggregate_trimmed_avg(proportiontocut=0.2)`, by hand.
    #[test]
    fn median_and_trimmed_mean_are_those_of_the_literature() {
        let updates = [vec![1.0, 9.0], vec![2.0, 1.0], vec![3.0, 2.0], vec![4.0, 4.0], vec![100.0, -50.0]];
        assert_eq!(combined(RobustRule::Median, &[0.0; 2], &updates), [3.0, 2.0]);
        assert_eq!(combined(TRIM, &[0.0; 2], &updates), [3.0, 7.0 / 3.0]);
        assert_eq!(combined(RobustRule::Median, &[0.0; 2], &updates[..4]), [2.5, 3.0], "of an even number");
        // Of nine, floor(1.8) go at each end.
        let nine: Vec<Vec<f32>> = (0..9_u8).map(|value| vec![f32::from(value).powi(2)]).collect();
        assert_eq!(combined(TRIM, &[0.0], &nine), [(1 + 4 + 9 + 16 + 25 + 36 + 49) as f32 / 7.0]);
        // 0.2 of 5 is 1, though the product of the floats need not be.
        assert_eq!(Rule::trim(0.1, 30), Rule::Trim(3));
    }

    #[test]
    fn a_change_is_cut_to_the_median_size_and_a_small_one_is_left() {
        let last = [1.0, 1.0];
        let updates = [vec![2.0, 1.0], vec![1.0, 3.0], vec![901.0, 1.0]];
        // Norms 1, 2, 900: the last change becomes 2.
        let found = combined(RobustRule::Clip, &last, &updates);
        let expected = [1.0 + (1.0 + 2.0) / 3.0, 1.0 + 2.0 / 3.0];
        assert!(found.iter().zip(expected).all(|(found, value)| (found - value).abs() < 1e-6), "{found:?}");
        let still = combined(RobustRule::Clip, &last, &[vec![1.0, 1.0], vec![1.0, 1.0], vec![9.0, 1.0]]);
        assert_eq!(still, last, "where most did not move, nobody moves it");
    }

    proptest! {
        /// Fewer than half of the sites cannot move the median or the trimmed mean out of what the others
        /// say.
        #[test]
        fn few_cannot_move_it_out_of_what_the_others_say(
            honest in proptest::collection::vec(-1.0_f32..1.0, 4..12),
            lie in -1e9_f32..1e9,
        ) {
            let mut updates: Vec<Vec<f32>> = honest.iter().map(|value| vec![*value]).collect();
            let liars = honest.len() / 5;
            updates.extend(vec![vec![lie]; liars]);
            let (low, high) = honest.iter().fold((1.0_f32, -1.0_f32), |(low, high), value| {
                (low.min(*value), high.max(*value))
            });
            for rule in [RobustRule::Median, RobustRule::TrimmedMean { share: 0.25 }] {
                let found = combined(rule, &[0.0], &updates)[0];
                prop_assert!((low..=high).contains(&found), "{rule}: {found}");
            }
            // Clipped, all of them together move it by at most their part of the median size.
            let clipped = combined(RobustRule::Clip, &[0.0], &updates)[0];
            prop_assert!(clipped.abs() <= 1.0);
        }

        #[test]
        fn the_order_of_the_sites_changes_no_bit(
            mut values in proptest::collection::vec(-1e3_f32..1e3, 3..9),
        ) {
            let of = |values: &[f32], rule| {
                combined(rule, &[0.5], &values.iter().map(|value| vec![*value]).collect::<Vec<_>>())[0].to_bits()
            };
            let before = [of(&values, RobustRule::Median), of(&values, TRIM)];
            values.reverse();
            prop_assert_eq!(before, [of(&values, RobustRule::Median), of(&values, TRIM)]);
        }
    }
}
