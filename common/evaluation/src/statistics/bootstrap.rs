//! Intervals of the mean difference by case: how it would move with other cases of the same kind. Called by
//! `compare`. Sources: Efron and Tibshirani 1993, chapter 13 (percentile bootstrap); Agresti and Min 2005.
//!
//! Items of one case (one patient, one text with several questions) are drawn together, for they are not
//! independent. Invariant: the same clusters and seed give the same interval on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use super::interval::Interval;
use super::special::Z_975;

/// Resamples of one interval.
const DRAWS: usize = 10_000;
/// The share of resamples that is cut off at each end of a 95 % interval.
const TAIL: f64 = 0.025;

/// The items of one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cluster {
    /// The sum of their differences, now less before.
    pub difference: f64,
    /// How many they are; at least 1.
    pub items: u64,
}

/// The 95 % percentile interval of the mean difference of an item. Without a cluster `[0, 0]`.
#[must_use]
pub fn bootstrap(clusters: &[Cluster], seed: u64) -> Interval {
    if clusters.is_empty() {
        return Interval { low: 0.0, high: 0.0 };
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let (mut sum, mut items) = (0.0, 0);
            for _ in clusters {
                let cluster = clusters[below(&mut random, clusters.len())];
                sum += cluster.difference;
                items += cluster.items;
            }
            sum / items as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    Interval { low: quantile(&means, TAIL), high: quantile(&means, 1.0 - TAIL) }
}

/// A statistic of so many cases drawn with replacement, 10,000 times; draws in which it is not defined are
/// left out. `statistic` is given the numbers of the drawn cases. Without a case there is none.
pub fn draws(cases: usize, seed: u64, statistic: impl Fn(&[usize]) -> Option<f64>) -> Vec<f64> {
    if cases == 0 {
        return Vec::new();
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = vec![0; cases];
    let draw = |_| {
        drawn.iter_mut().for_each(|one| *one = below(&mut random, cases));
        statistic(&drawn)
    };
    (0..DRAWS).filter_map(draw).collect()
}

/// The 95 % percentile interval of draws; nothing without one.
#[must_use]
pub fn percentiles(mut drawn: Vec<f64>) -> Option<Interval> {
    drawn.sort_by(f64::total_cmp);
    (!drawn.is_empty()).then(|| Interval { low: quantile(&drawn, TAIL), high: quantile(&drawn, 1.0 - TAIL) })
}

/// Agresti and Min's 95 % interval of the mean difference, each case counted once: Wald's with half a case of
/// +1, half a case of -1 and one of 0 more. Unlike a bootstrap it is not of width 0 where all cases say the
/// same. Its ends are not beyond 1, or beyond the largest difference of a case where that is more.
#[must_use]
pub fn adjusted(clusters: &[Cluster]) -> Interval {
    let means = || clusters.iter().map(|cluster| cluster.difference / cluster.items as f64);
    let n = clusters.len() as f64 + 2.0;
    let (sum, squares) = (means().sum::<f64>(), means().map(|mean| mean * mean).sum::<f64>() + 1.0);
    let half = Z_975 * (squares - sum * sum / n).max(0.0).sqrt() / n;
    let most = means().map(f64::abs).fold(1.0, f64::max);
    Interval { low: (sum / n - half).max(-most), high: (sum / n + half).min(most) }
}

/// A number below `end`. The bias of the multiplication is below `end / 2^64`.
pub(crate) fn below(random: &mut ChaCha8Rng, end: usize) -> usize {
    ((u128::from(random.next_u64()) * end as u128) >> 64) as usize
}

/// Between the two nearest of sorted values, linearly, as numpy does by default.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + part * (sorted[high] - sorted[low])
}
