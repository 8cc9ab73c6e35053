//! Which sites train a round, where the run file says how many do: sites take turns in an order drawn by lot.
//! Pure. Used by `scheduler`, which asks for the choice and takes it; by `execution::transition`, which makes
//! it of what `execution::presence` knows; by `state` and `closing`; by `admin::report`.
//!
//! Invariants: the choice is a row of the journal, so a replay makes none; it is a function of the run's
//! seed, the round, who was chosen before and who is out of reach; of sites that are there none is chosen
//! twice before each was chosen once; a site that is chosen stays so until the round ends.
//!
//! Turns, and not k of n by lot each round: with 3 of 10 sites in 10 rounds a lot leaves a given hospital out
//! of them all in 0.7^10 = 2.8 % of runs; with turns each trains three times. Wang and Ji 2022 ("A unified
//! analysis of federated learning with arbitrary client participation") find no loss of speed where everybody
//! takes part equally often. Nobody takes the place of a site that is only slow or out of reach: it may be
//! back before the deadline, and who is in a round would hang on seconds; `quorum.sites` below
//! `participation.sites_per_round` is the margin for that (Bonawitz et al. 2019, "Towards federated learning
//! at scale", choose 130 % for it). Where so many were taken out, left or gave up that no quorum of the
//! chosen can come together, others are chosen beside them, by another row.

use std::collections::BTreeSet;

use common::id::{Digest, Round, SiteId};

use super::decision::SiteDecision;
use super::effect::Effect;
use super::state::{RoundRecord, RunState};

/// How the bytes begin that a site's lot in a round is the hash of.
const CONTEXT: &[u8] = b"consilium participation v1\0";

impl RoundRecord {
    /// Whether the round is this site's to train.
    #[must_use]
    pub fn is_chosen(&self, site: &SiteId) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| chosen.contains(site))
    }
}

/// Whether sites are to be chosen now, and there are some.
#[must_use]
pub fn is_wanted(state: &RunState) -> bool {
    lacking(state) > 0 && candidates(state).next().is_some()
}

/// What is asked for where sites are to be chosen.
pub(super) fn asked(state: &RunState) -> Option<Effect> {
    let round = state.current()?.round;
    is_wanted(state).then_some(Effect::ChooseSites { round })
}

/// How many sites the open round lacks: all of them before the first choice; after it as many as a quorum
/// needs beyond those that have delivered or still may.
fn lacking(state: &RunState) -> usize {
    let settings = state.launched.spec.participation;
    let record = state.current().filter(|_| state.is_open());
    let Some((settings, record)) = settings.zip(record) else { return 0 };
    let chosen = record.chosen.iter().flatten();
    if chosen.clone().next().is_none() {
        return settings.sites_per_round;
    }
    let counts = |site: &&SiteId| record.updates.contains_key(*site) || is_able(state, record, site);
    state.launched.spec.quorum.sites.saturating_sub(chosen.filter(counts).count())
}

/// Whether a site takes part now, and has not given the round up.
fn is_able(state: &RunState, record: &RoundRecord, site: &SiteId) -> bool {
    !state.is_left_out(site) && !record.failed.contains_key(site)
}

/// Whom a choice can fall on. At first also those who may come back while the round is open: with as many to
/// choose as there are sites a round is what it is without a choice.
fn candidates(state: &RunState) -> impl Iterator<Item = &SiteId> {
    let record = state.current().filter(|_| state.is_open());
    let is_first = record.is_some_and(|record| record.chosen.as_ref().is_none_or(BTreeSet::is_empty));
    let may_come = move |site: &SiteId| {
        let decision = state.decisions.get(site).map(|answered| answered.decision);
        let is_open = decision.is_none_or(|decision| decision == SiteDecision::Approved);
        !state.revoked.contains(site) && is_open
    };
    state.launched.sites.iter().filter(move |site| {
        record.is_some_and(|record| {
            let is_new = record.chosen.as_ref().is_none_or(|chosen| !chosen.contains(*site));
            is_new && if is_first { may_come(site) } else { is_able(state, record, site) }
        })
    })
}

/// The sites that are chosen now, where some are wanted: those that take part before those that may come
/// back, those in reach before those that are not, those whose turn it is before those who had theirs, and
/// among equals by lot.
#[must_use]
pub fn choose(state: &RunState, is_away: impl Fn(&SiteId) -> bool) -> BTreeSet<SiteId> {
    let Some(record) = state.current() else { return BTreeSet::new() };
    let had_turn = had_turn(&state.rounds);
    let seed = state.launched.spec.training.seed;
    let rank = |site: &SiteId| {
        let lot = lot(seed, record.round, site);
        (state.is_left_out(site), is_away(site), had_turn.contains(site), lot)
    };
    let mut ranked: Vec<_> = candidates(state).map(|site| (rank(site), site)).collect();
    ranked.sort_unstable();
    ranked.truncate(lacking(state));
    ranked.into_iter().map(|(_, site)| site.clone()).collect()
}

/// Takes a choice. Returns whether it is one for the round that is open, and of so many sites as it lacks at
/// most.
pub(super) fn chosen(state: &mut RunState, round: Round, sites: &BTreeSet<SiteId>) -> bool {
    let is_of_it = state.current().is_some_and(|record| record.round == round);
    let are_candidates = sites.iter().all(|site| candidates(state).any(|candidate| candidate == site));
    if !is_of_it || sites.is_empty() || sites.len() > lacking(state) || !are_candidates {
        return false;
    }
    if let Some(record) = state.rounds.last_mut() {
        record.chosen.get_or_insert_default().extend(sites.iter().cloned());
    }
    true
}

/// Who had a turn since everybody had one: a site that is chosen again begins the next turns.
fn had_turn(rounds: &[RoundRecord]) -> BTreeSet<&SiteId> {
    let mut had = BTreeSet::new();
    for chosen in rounds.iter().filter_map(|record| record.chosen.as_ref()) {
        let again: BTreeSet<&SiteId> = chosen.iter().filter(|site| had.contains(site)).collect();
        if again.is_empty() {
            had.extend(chosen);
        } else {
            had = again;
        }
    }
    had
}

/// SHA-256 over a context, seed and round (little-endian) and the site's name: the same in every such run.
fn lot(seed: u64, round: Round, site: &SiteId) -> Digest {
    let parts = [CONTEXT, &seed.to_le_bytes(), &round.0.to_le_bytes(), site.as_str().as_bytes()];
    Digest::of(&parts.concat())
}

#[cfg(test)]
pub(crate) mod tests;
