//! What each counted update weighs in the average, and which record counts the operator should look at. Pure:
//! the same counts give the same bits. Used by `aggregate`, which averages with these weights, by
//! `admin::report`, which shows them, and by `execution::performer`, which logs what is odd. Invariants:
//! weights sum to 1; with `capped`, no site has more than the larger of 2/n and 0.4, whatever count it
//! claims.

use std::collections::BTreeMap;

use common::id::SiteId;
use common::limits::RECORDS_MAX;
use common::run::Weighting;

use super::alone;
use super::state::{RoundRecord, RunState, Update};
use crate::limits::{RECORDS_JUMP_FACTOR_MAX, WEIGHT_FAIR_SHARES_MAX, WEIGHT_SHARE_MAX};

/// The weights of updates that were trained on so many records each, in the order given; `None` if there is
/// nothing to divide by. An update that was trained on nothing has no weight.
pub fn weights(weighting: Weighting, records: &[u64]) -> Option<Vec<f64>> {
    // Also here, and not only where the count arrived: a journal of an older version may hold any number.
    let counts: Vec<u64> = records.iter().map(|&count| count.min(RECORDS_MAX)).collect();
    let sites = counts.iter().filter(|&&count| count > 0).count();
    let total: u64 = counts.iter().fold(0, |total, &count| total.saturating_add(count));
    if total == 0 {
        return None;
    }
    // Below 2^53, so the conversions are exact.
    let by_records = || counts.iter().map(|&count| count as f64 / total as f64).collect();
    Some(match weighting {
        Weighting::Records => by_records(),
        Weighting::SqrtRecords => {
            // Exact to the last bit on every processor, as IEEE 754 has it.
            let roots: Vec<f64> = counts.iter().map(|&count| (count as f64).sqrt()).collect();
            let total: f64 = roots.iter().sum();
            roots.into_iter().map(|root| root / total).collect()
        }
        Weighting::Uniform => {
            let each = 1.0 / sites as f64;
            counts.iter().map(|&count| if count > 0 { each } else { 0.0 }).collect()
        }
        Weighting::Capped => capped(by_records(), cap(sites)),
    })
}

/// The most that one of `sites` sites may have.
pub fn cap(sites: usize) -> f64 {
    (WEIGHT_FAIR_SHARES_MAX / sites.max(1) as f64).max(WEIGHT_SHARE_MAX)
}

/// Lowers every share above `cap` to it and spreads the excess over the others in proportion, until none is
/// above. Shares that are within the cap already are returned as they are, bit for bit.
fn capped(shares: Vec<f64>, cap: f64) -> Vec<f64> {
    let mut full = vec![false; shares.len()];
    let mut weights = shares.clone();
    // Each turn fills at least one more site, so this ends.
    while let Some(index) = (0..weights.len()).find(|&index| !full[index] && weights[index] > cap) {
        full[index] = true;
        let taken = full.iter().filter(|&&full| full).count() as f64 * cap;
        let rest: f64 = shares.iter().zip(&full).filter(|(_, full)| !**full).map(|(share, _)| share).sum();
        for ((weight, share), full) in weights.iter_mut().zip(&shares).zip(&full) {
            *weight = if *full { cap } else { share * (1.0 - taken) / rest };
        }
    }
    weights
}

/// The weights of a round's updates by site; empty before the round is closed, because until then the next
/// update changes them all, and where nothing is averaged.
pub fn of_round(state: &RunState, record: &RoundRecord) -> BTreeMap<SiteId, f64> {
    if record.closed_at.is_none() || alone::is_alone(state) {
        return BTreeMap::new();
    }
    let records: Vec<u64> = record.updates.values().map(|update| update.records).collect();
    let weights = weights(state.launched.weighting(), &records).unwrap_or_default();
    record.updates.keys().cloned().zip(weights).collect()
}

/// What each site's newest averaged update weighs, of rounds that were not vetoed. Looks at no older round
/// than it has to.
pub fn newest(state: &RunState) -> BTreeMap<SiteId, f64> {
    let mut newest = BTreeMap::new();
    for record in state.rounds.iter().rev().filter(|record| record.vetoed.is_none()) {
        if newest.len() == state.launched.sites.len() {
            break;
        }
        for (site, weight) in of_round(state, record) {
            newest.entry(site).or_insert(weight);
        }
    }
    newest
}

/// What an operator should know of a round's counts, one sentence each: counts that jumped since the site's
/// last counted update, and shares that were lowered.
pub fn warnings(state: &RunState, record: &RoundRecord) -> Vec<String> {
    let mut warnings = Vec::new();
    let end = state.rounds.partition_point(|earlier| earlier.round < record.round);
    for (site, Update { records, .. }) in &record.updates {
        let mut earlier = state.rounds.iter().take(end).rev();
        let before = earlier.find_map(|earlier| earlier.updates.get(site)).map(|update| update.records);
        if let Some(before) = before.filter(|&before| jumped(before, *records)) {
            warnings.push(format!(
                "round {}: site {site} says {records} records, {before} before; ask the hospital",
                record.round
            ));
        }
    }
    let records: Vec<u64> = record.updates.values().map(|update| update.records).collect();
    let claimed = weights(Weighting::Records, &records).unwrap_or_default();
    for ((site, weight), claimed) in of_round(state, record).into_iter().zip(claimed) {
        if state.launched.weighting() == Weighting::Capped && weight < claimed {
            warnings.push(format!(
                "round {}: site {site} claims {:.1} % of the records and weighs {:.1} % (capped)",
                record.round,
                claimed * 100.0,
                weight * 100.0
            ));
        }
    }
    warnings
}

fn jumped(before: u64, now: u64) -> bool {
    let (low, high) = (before.min(now), before.max(now));
    high > low.saturating_mul(RECORDS_JUMP_FACTOR_MAX)
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;
    use common::id::{Digest, Round};
    use proptest::prelude::*;

    use super::super::event::Event;
    use super::super::scheduler::tests::launched_run;
    use super::super::scheduler::{launch, step};
    use super::super::state::Score;
    use super::*;

    #[test]
    fn records_are_shares_and_uniform_is_alike() {
        assert_eq!(weights(Weighting::Records, &[100, 300]), Some(vec![0.25, 0.75]));
        assert_eq!(weights(Weighting::SqrtRecords, &[100, 900, 0]), Some(vec![0.25, 0.75, 0.0]));
        assert_eq!(weights(Weighting::Uniform, &[100, 300, 0]), Some(vec![0.5, 0.5, 0.0]));
        for weighting in [Weighting::Records, Weighting::SqrtRecords, Weighting::Uniform, Weighting::Capped] {
            assert_eq!(weights(weighting, &[0, 0]), None);
            assert_eq!(weights(weighting, &[]), None);
        }
    }

    #[test]
    fn a_member_that_claims_everything_gets_its_cap_and_no_more() {
        let claim = 9_900_000_000_000_000_000;
        // Three sites: 2/3. Four: 1/2. From five on: 0.4. Two have to trust each other.
        for (sites, most) in [(3, 2.0 / 3.0), (4, 0.5), (5, 0.4), (100, 0.4)] {
            let mut records = vec![200; sites];
            records[1] = claim;
            let weights = weights(Weighting::Capped, &records).unwrap();
            assert_eq!(weights[1], most, "{sites} sites");
            let other = (1.0 - most) / (sites - 1) as f64;
            assert!(weights.iter().enumerate().all(|(at, weight)| at == 1 || (weight - other).abs() < 1e-15));
        }
        // Also by the old rule, one claim cannot outweigh more than the bound on counts lets it.
        assert_eq!(weights(Weighting::Records, &[claim, u64::MAX]), Some(vec![0.5, 0.5]));
        let two = weights(Weighting::Capped, &[100, 300]);
        assert_eq!(two, Some(vec![0.25, 0.75]), "below three sites a cap means nothing");
    }

    #[test]
    fn what_is_spread_may_fill_a_second_site() {
        // By records 0.9, 0.06, 0.02, 0.01, 0.01: the first is cut to 0.4, and 0.6 x 0.06/0.1 is below 0.4.
        let one = weights(Weighting::Capped, &[90, 6, 2, 1, 1]).unwrap();
        assert!((one[0] - 0.4).abs() < 1e-15 && (one[1] - 0.36).abs() < 1e-15, "{one:?}");
        // By records 0.5, 0.45, ..: the excess of the first lifts the second above the cap as well.
        let two = weights(Weighting::Capped, &[50, 45, 2, 2, 1]).unwrap();
        assert_eq!(two[..2], [0.4, 0.4]);
        assert!((two[4] - 0.2 / 5.0).abs() < 1e-15, "{two:?}");
    }

    #[test]
    fn hospitals_of_similar_size_weigh_what_they_did() {
        let demo = [220, 160, 240, 190];
        let bits =
            |weighting| weights(weighting, &demo).unwrap().iter().map(|w| w.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(Weighting::Capped), bits(Weighting::Records));
    }

    proptest! {
        #[test]
        fn nobody_is_above_the_cap_and_all_sum_to_one(records in prop::collection::vec(any::<u64>(), 1..12)) {
            let sites = records.iter().filter(|&&count| count > 0).count();
            let Some(weights) = weights(Weighting::Capped, &records) else { return Ok(()) };
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{weights:?}");
            prop_assert!(weights.iter().all(|&weight| (0.0..=cap(sites)).contains(&weight)), "{weights:?}");
        }
    }

    /// A run of three sites and two rounds, the last site saying `records` in each.
    fn two_rounds(weighting: Weighting, records: [u64; 2]) -> RunState {
        let mut launched = launched_run(3, 3, 2);
        launched.spec.aggregation.weighting = weighting;
        let mut state = launch(launched, Timestamp(0)).0;
        let mut apply = |event: Event| state = step(state.clone(), &event, Timestamp(1)).0;
        apply(Event::BaseScored { score: Score::Unevaluated { reason: String::new() }, initial: None });
        for (round, claimed) in (1..).map(Round).zip(records) {
            for (site, records) in ["site-0", "site-1", "site-2"].into_iter().zip([100, 100, claimed]) {
                let (site, digest) = (site.parse().unwrap(), Digest::of(site.as_bytes()));
                apply(Event::UpdateStored { round, site, digest, bytes: 1, records });
            }
            let digest = Digest::of(b"mean");
            apply(Event::Aggregated {
                round,
                digest,
                aggregation_error: None,
                duration_ms: 0,
                outliers: vec![],
                server_state: None,
            });
            apply(Event::Scored { round, score: Score::Unevaluated { reason: String::new() } });
            apply(Event::RoundPublished { round });
        }
        state
    }

    #[test]
    fn a_jump_and_a_lowered_share_are_named() {
        let state = two_rounds(Weighting::Capped, [100, 900]);
        assert_eq!(warnings(&state, &state.rounds[0]), Vec::<String>::new());
        let named = warnings(&state, &state.rounds[1]);
        assert_eq!(
            named,
            [
                "round 2: site site-2 says 900 records, 100 before; ask the hospital",
                "round 2: site site-2 claims 81.8 % of the records and weighs 66.7 % (capped)"
            ]
        );
        let shrunk = two_rounds(Weighting::Capped, [100, 49]);
        assert_eq!(warnings(&shrunk, &shrunk.rounds[1]).len(), 1, "a count that falls is odd as well");
        let doubled = two_rounds(Weighting::Capped, [100, 200]);
        assert!(warnings(&doubled, &doubled.rounds[1]).is_empty(), "twice is not a jump");
    }

    #[test]
    fn the_newest_weight_is_that_of_the_last_round_with_an_update() {
        let mut state = two_rounds(Weighting::Records, [100, 200]);
        let of = |state: &RunState, site: &str| newest(state).get(&site.parse().unwrap()).copied();
        assert_eq!((of(&state, "site-0"), of(&state, "site-2")), (Some(0.25), Some(0.5)));
        state.rounds[1].updates.remove(&"site-0".parse().unwrap());
        assert_eq!(of(&state, "site-0"), Some(1.0 / 3.0), "of the round before");
    }

    #[test]
    fn the_run_file_says_how_updates_weigh() {
        let state = two_rounds(Weighting::Records, [100, 900]);
        let weights = of_round(&state, &state.rounds[1]);
        assert_eq!(weights.get(&"site-2".parse().unwrap()), Some(&(900.0 / 1100.0)));
    }
}
