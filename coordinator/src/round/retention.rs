//! Which finished files a run still needs, and which may go. Pure. Used by `execution::pruning` and by
//! `cli::prune`. Invariants: the manifest, the first adapter and the held-out set's file of every run stay;
//! so do its newest and its best published adapter, and everything of a round that is neither published nor
//! vetoed; so do the updates of a round whose aggregation error is still to be computed, or whose harm is
//! still to be found; a file that any run needs stays, whichever run made it. The updates of sites that train
//! alone stay until their run is over.

use std::collections::BTreeSet;

use common::id::Digest;

use super::aggregation_error;
use super::alone;
use super::state::{RoundRecord, RunState, ServerState};
use super::veto;

/// How much of the past stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Sites' updates stay for the newest so many published rounds of a run.
    pub update_rounds: usize,
    /// Published adapters stay for the newest so many rounds of a run.
    pub adapter_rounds: usize,
}

/// The files that some run needs.
pub fn needed(states: &[&RunState], rule: Rule) -> BTreeSet<Digest> {
    states.iter().flat_map(|state| needed_by(state, rule)).collect()
}

fn needed_by(state: &RunState, rule: Rule) -> BTreeSet<Digest> {
    let launched = &state.launched;
    let mut needed = BTreeSet::from([launched.manifest, launched.initial, state.model()]);
    needed.extend(launched.overlap.map(|terms| terms.set));
    needed.extend(launched.beside.map(|beside| beside.adapter));
    needed.extend(best(state));
    // What the server's optimiser remembers is of use to the next round alone; a new run begins without it.
    needed
        .extend(state.server_state().filter(|_| !state.is_over()).into_iter().flat_map(ServerState::digests));
    let published = |record: &&RoundRecord| record.published_at.is_some();
    let past: Vec<&RoundRecord> = state.rounds.iter().filter(published).collect();
    // What one site trained alone is of no use once it is measured, and says more of its records.
    let is_done = state.is_over() && alone::is_alone(state);
    let is_open = |it: &&RoundRecord| !is_done && it.published_at.is_none() && it.vetoed.is_none();
    let open = state.rounds.iter().filter(is_open);
    let newest = |count: usize| past.iter().rev().take(count).copied();
    // A published round's updates are read once more; of how many rounds at most, `aggregation_error` says.
    let waiting = aggregation_error::waiting(state).chain(veto::waiting(state));
    for record in open.clone().chain(newest(rule.update_rounds)).chain(waiting) {
        needed.extend(record.updates.values().map(|update| update.digest));
    }
    // What a vetoed round began with is what its updates are compared with.
    needed.extend(veto::waiting(state).map(|record| record.from));
    needed.extend(open.clone().flat_map(server_files));
    for record in open.chain(newest(rule.adapter_rounds)) {
        needed.insert(record.from);
        needed.extend(record.aggregate.map(|aggregate| aggregate.digest));
    }
    needed
}

fn server_files(record: &RoundRecord) -> impl Iterator<Item = Digest> + use<> {
    record.aggregate.and_then(|aggregate| aggregate.server_state).into_iter().flat_map(ServerState::digests)
}

/// The published adapter with the lowest loss on the validation set.
fn best(state: &RunState) -> Option<Digest> {
    let measured = state.rounds.iter().filter(|record| record.published_at.is_some()).filter_map(|record| {
        let loss = record.score.as_ref()?.metrics()?.loss;
        Some((loss, record.aggregate?.digest))
    });
    measured.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, digest)| digest)
}

/// The files of rounds that some run named, needed or not.
pub fn named(states: &[&RunState]) -> BTreeSet<Digest> {
    let records = states.iter().flat_map(|state| &state.rounds);
    let digests = records.flat_map(|record| {
        let aggregate = record.aggregate.map(|aggregate| aggregate.digest);
        record
            .updates
            .values()
            .map(|update| update.digest)
            .chain(aggregate)
            .chain([record.from])
            .chain(server_files(record))
    });
    digests.collect()
}

#[cfg(test)]
mod tests;
