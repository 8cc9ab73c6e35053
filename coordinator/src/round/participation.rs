//! Which sites train a round, where the run file says how many do: sites take turns in an order drawn by lot.
//! Pure. Used by `scheduler`, which asks for the choice and takes it; by `execution::transition`, which makes
//! it of what `execution::presence` knows; by `state` and `closing`; by `admin::report`.
//!
//! Invariants: the choice is a row of the journal, so a replay makes none; it is a function of the run's
//! seed, the round, who was chosen or passed over before and who is out of reach; of sites that are there
//! none is chosen twice before each had its turn; a site that is chosen stays so until the round ends.
//!
//! Turns, and not k of n by lot each round: with 3 of 10 sites in 10 rounds a lot leaves a given hospital
//! out of them all in 0.7^10 = 2.8 % of runs; with turns each trains three times. Wang and Ji 2022 ("A
//! unified analysis of federated learning with arbitrary client participation") find no loss of speed
//! where everybody takes part equally often. Whoever is away when its turn comes loses that turn, and the
//! row names it: members who kept theirs by staying away could meet in one round that is all theirs.
//! Before the deadline nobody takes the place of a site that is only slow or out of reach: it may be
//! back, and who is in a round would hang on seconds; `quorum.sites` below
//! `participation.sites_per_round` is the margin for that (Bonawitz et al. 2019, "Towards federated
//! learning at scale", choose 130 % for it). Where so many were taken out, left or gave up that no quorum
//! of the chosen can come together, or at the deadline none has, others are chosen beside them, by
//! another row, and the deadline begins anew: at most once for each site and round.

use std::collections::{BTreeMap, BTreeSet};

use common::clock::Timestamp;
use common::id::{Digest, Round, SiteId};

use super::decision::SiteDecision;
use super::effect::Effect;
use super::extension;
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
/// needs beyond those that have delivered or still may, and at the deadline beyond those that have delivered.
fn lacking(state: &RunState) -> usize {
    let settings = state.launched.spec.participation;
    let record = state.current().filter(|_| state.is_open());
    let Some((settings, record)) = settings.zip(record) else { return 0 };
    let chosen = record.chosen.iter().flatten();
    if chosen.clone().next().is_none() {
        return settings.sites_per_round;
    }
    // Whoever let the deadline pass is not counted on.
    let may_send = |site: &SiteId| !record.is_overdue && is_able(state, record, site);
    let counts = |site: &&SiteId| record.updates.contains_key(*site) || may_send(site);
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

/// The round's deadline is here without a quorum: where others can still be chosen, they are. Returns whether
/// it goes on for them.
pub(super) fn go_beside(state: &mut RunState, now: Timestamp) -> bool {
    let was_chosen = |record: &RoundRecord| record.chosen.as_ref().is_some_and(|chosen| !chosen.is_empty());
    let can = state.current().is_some_and(|record| was_chosen(record) && !record.is_overdue)
        && candidates(state).next().is_some();
    let Some(record) = state.rounds.last_mut().filter(|_| can) else { return false };
    record.is_overdue = true;
    // A choice that nobody makes ends with this deadline.
    extension::begin_anew(state, now);
    true
}

/// A choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Who trains the round, or more of it.
    pub sites: BTreeSet<SiteId>,
    /// Whose turn it was, and who was not there for it.
    pub passed_over: BTreeSet<SiteId>,
}

/// The sites that are chosen now, where some are wanted: those that take part before those that may come
/// back, those in reach before those that are not, those whose turn it is before those who had theirs, and
/// among equals by lot.
#[must_use]
pub fn choose(state: &RunState, is_away: impl Fn(&SiteId) -> bool) -> Choice {
    let places = places(state);
    let rank = |site: &SiteId| (state.is_left_out(site), is_away(site), places.get(site));
    let mut ranked: Vec<_> = candidates(state).map(|site| (rank(site), site)).collect();
    ranked.sort_unstable();
    ranked.truncate(lacking(state));
    let sites: BTreeSet<SiteId> = ranked.into_iter().map(|(_, site)| site.clone()).collect();
    let passed_over = before_last(&places, &sites).cloned().collect();
    Choice { sites, passed_over }
}

/// A site's place in the order in which sites would be chosen if all were there: whether it had its turn, and
/// its lot. Of those who have no place in the round yet, and may still have one in this or a later one.
fn places(state: &RunState) -> BTreeMap<SiteId, (bool, Digest)> {
    let Some(record) = state.current() else { return BTreeMap::new() };
    let had_turn = had_turn(&state.rounds);
    let seed = state.launched.spec.training.seed;
    let is_new = |site: &SiteId| record.chosen.as_ref().is_none_or(|chosen| !chosen.contains(site));
    let is_gone = |site: &SiteId| {
        let decision = state.decisions.get(site).map(|answered| answered.decision);
        state.revoked.contains(site) || decision == Some(SiteDecision::Withdrawn)
    };
    let sites = state.launched.sites.iter().filter(|site| is_new(site) && !is_gone(site));
    let place = |site: &SiteId| (had_turn.contains(site), lot(seed, record.round, site));
    sites.map(|site| (site.clone(), place(site))).collect()
}

/// Who stands before one of these sites and is none of them.
fn before_last<'a>(
    places: &'a BTreeMap<SiteId, (bool, Digest)>,
    sites: &'a BTreeSet<SiteId>,
) -> impl Iterator<Item = &'a SiteId> {
    let last = sites.iter().filter_map(|site| places.get(site)).max();
    let is_before = move |place: &(bool, Digest)| last.is_some_and(|last| place < last);
    places
        .iter()
        .filter(move |(site, place)| !sites.contains(*site) && is_before(place))
        .map(|(site, _)| site)
}

/// Takes a choice. Returns whether it is one for the round that is open, of so many sites as it lacks at
/// most, and passes over nobody who does not stand before one that it chooses.
pub(super) fn chosen(state: &mut RunState, round: Round, choice: &Choice, now: Timestamp) -> bool {
    let Choice { sites, passed_over } = choice;
    let is_of_it = state.current().is_some_and(|record| record.round == round);
    let able: BTreeSet<&SiteId> = candidates(state).collect();
    let are_candidates = sites.iter().all(|site| able.contains(site));
    if !is_of_it || sites.is_empty() || sites.len() > lacking(state) || !are_candidates {
        return false;
    }
    // Over all rounds before: not asked for each row of a replay, but where there is something to check.
    if !passed_over.is_empty() {
        let places = places(state);
        let before: BTreeSet<&SiteId> = before_last(&places, sites).collect();
        if !passed_over.iter().all(|site| before.contains(site)) {
            return false;
        }
    }
    let Some(record) = state.rounds.last_mut() else { return false };
    let chosen = record.chosen.get_or_insert_default();
    let is_beside = !chosen.is_empty();
    chosen.extend(sites.iter().cloned());
    record.passed_over.extend(passed_over.iter().cloned());
    record.is_overdue = false;
    if is_beside {
        extension::begin_anew(state, now);
    }
    true
}

/// Who had a turn, or lost one, since everybody had one: a site that has one again begins the next turns.
fn had_turn(rounds: &[RoundRecord]) -> BTreeSet<&SiteId> {
    let mut had = BTreeSet::new();
    for record in rounds {
        let turns: BTreeSet<&SiteId> = record.chosen.iter().flatten().chain(&record.passed_over).collect();
        let again: BTreeSet<&SiteId> = turns.intersection(&had).copied().collect();
        if again.is_empty() {
            had.extend(turns);
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
