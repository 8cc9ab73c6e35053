//! What a planned run will cost, over several seeds: medians, and the 5th and 95th percentile. Called by
//! `simulate` with its courses; shown by `cli::simulate`. Invariant: written names stay, for scripts read
//! them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::disk::DiskUse;
use super::memory::MemoryUse;
use super::plan::Plan;
use super::rounds::{Parts, RoundCost};
use super::traffic::Traffic;

/// One simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Of which seed.
    pub seed: u64,
    /// From the launch to the end.
    pub wall_ms: u64,
    /// The round that ended the run without a quorum.
    pub failed_at: Option<u32>,
    /// Its rounds.
    pub rounds: Vec<RoundCost>,
    /// Of all sites.
    pub traffic: Traffic,
    /// Of the site that sent most.
    pub busiest: Traffic,
    /// The disk.
    pub disk: DiskUse,
    /// Most transfers at once.
    pub transfers: usize,
    /// In how many rounds each site did not count; sites that always did are left out.
    pub missing: BTreeMap<String, u32>,
}

/// Of several numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The 5th percentile.
    pub low: u64,
    /// The 50th.
    pub median: u64,
    /// The 95th.
    pub high: u64,
}

impl Range {
    /// The nearest rank; 0 of no numbers.
    fn of(numbers: impl Iterator<Item = u64>) -> Self {
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable();
        let at = |percent: usize| {
            let rank = (numbers.len() * percent).div_ceil(100).max(1);
            numbers.get(rank - 1).copied().unwrap_or(0)
        };
        Self { low: at(5), median: at(50), high: at(95) }
    }
}

/// A site, and the rounds in which it did not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingSite {
    /// Who.
    pub site: String,
    /// In how many.
    pub rounds: u32,
}

/// What is predicted. `Serialize` is what `--json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Sites that take part.
    pub sites: usize,
    /// Rounds that were planned.
    pub rounds: u32,
    /// Length of an update.
    pub update_bytes: u64,
    /// Simulations.
    pub runs: usize,
    /// From the launch to the end of the run.
    pub wall_ms: Range,
    /// One round, over the rounds of all simulations.
    pub round_ms: Range,
    /// Its parts, on average.
    pub parts: Parts,
    /// All sites together.
    pub wire: Traffic,
    /// The site with most of it.
    pub wire_of_a_site: Traffic,
    /// The coordinator's disk, the most of all simulations.
    pub disk: DiskUse,
    /// Its memory.
    pub memory: MemoryUse,
    /// Most transfers at once.
    pub transfers: usize,
    /// Simulations whose run ended in a round without a quorum.
    pub failed_runs: usize,
    /// Sites that did not count in a round, by reason, on average over the rounds.
    pub missing_a_round: BTreeMap<String, f64>,
    /// The simulation of median length, of which the rest is.
    pub shown_seed: u64,
    /// Its rounds.
    pub shown_rounds: Vec<RoundCost>,
    /// Those of its sites that were most often named missing.
    pub shown_missing: Vec<MissingSite>,
}

/// Sites that are named.
const NAMED: usize = 10;

impl Prediction {
    /// From at least one course; `None` of none.
    pub(super) fn of(plan: &Plan, mut courses: Vec<Course>) -> Option<Self> {
        courses.sort_by_key(|course| (course.wall_ms, course.seed));
        let shown = courses.get((courses.len().checked_sub(1)?) / 2)?;
        let rounds = || courses.iter().flat_map(|course| &course.rounds);
        let traffic = |of: fn(&Course) -> Traffic| middle(courses.iter().map(of).collect());
        let transfers = courses.iter().map(|course| course.transfers).max().unwrap_or(0);
        Some(Self {
            sites: plan.sites.len(),
            rounds: plan.spec.rounds,
            update_bytes: plan.update_bytes,
            runs: courses.len(),
            wall_ms: Range::of(courses.iter().map(|course| course.wall_ms)),
            round_ms: Range::of(rounds().map(|round| round.parts.total_ms())),
            parts: mean_parts(rounds().map(|round| round.parts)),
            wire: traffic(|course| course.traffic),
            wire_of_a_site: traffic(|course| course.busiest),
            disk: most(courses.iter().map(|course| course.disk)),
            memory: MemoryUse::of(plan, transfers),
            transfers,
            failed_runs: courses.iter().filter(|course| course.failed_at.is_some()).count(),
            missing_a_round: missing(rounds()),
            shown_seed: shown.seed,
            shown_rounds: shown.rounds.clone(),
            shown_missing: most_missing(&shown.missing),
        })
    }
}

/// The one in the middle, by the bytes from the sites.
fn middle(mut all: Vec<Traffic>) -> Traffic {
    all.sort_by_key(|traffic| traffic.up_bytes);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn most(all: impl Iterator<Item = DiskUse>) -> DiskUse {
    all.fold(DiskUse::default(), |most, one| DiskUse {
        most_bytes: most.most_bytes.max(one.most_bytes),
        end_bytes: most.end_bytes.max(one.end_bytes),
        kept_bytes: most.kept_bytes.max(one.kept_bytes),
        database_bytes: most.database_bytes.max(one.database_bytes),
    })
}

/// The mean of each part; zeros of no rounds.
pub fn mean_parts(all: impl Iterator<Item = Parts>) -> Parts {
    let (mut sums, mut count) = ([0_u64; 6], 0_u64);
    for parts in all {
        sums.iter_mut().zip(parts.all()).for_each(|(sum, part)| *sum = sum.saturating_add(part));
        count += 1;
    }
    let [download_ms, training_ms, upload_ms, waiting_ms, aggregation_ms, evaluation_ms] =
        sums.map(|sum| sum / count.max(1));
    Parts { download_ms, training_ms, upload_ms, waiting_ms, aggregation_ms, evaluation_ms }
}

fn missing<'a>(rounds: impl Iterator<Item = &'a RoundCost>) -> BTreeMap<String, f64> {
    let (mut sums, mut count) = (BTreeMap::<String, f64>::new(), 0_u32);
    for round in rounds {
        count += 1;
        for (why, sites) in &round.missing {
            *sums.entry(why.clone()).or_default() += *sites as f64;
        }
    }
    sums.values_mut().for_each(|sum| *sum /= f64::from(count.max(1)));
    sums
}

fn most_missing(missing: &BTreeMap<String, u32>) -> Vec<MissingSite> {
    let mut all: Vec<MissingSite> =
        missing.iter().map(|(site, rounds)| MissingSite { site: site.clone(), rounds: *rounds }).collect();
    // Stable: equal ones stay in the order of their names.
    all.sort_by_key(|site| std::cmp::Reverse(site.rounds));
    all.truncate(NAMED);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numbers_that_were_there() {
        let of = |numbers: &[u64]| Range::of(numbers.iter().copied());
        assert_eq!(of(&[]), Range { low: 0, median: 0, high: 0 });
        assert_eq!(of(&[7]), Range { low: 7, median: 7, high: 7 });
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), Range { low: 5, median: 50, high: 95 });
    }
}
