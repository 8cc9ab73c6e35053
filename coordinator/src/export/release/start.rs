//! What a run began with, run by run back to a fresh adapter. Called by `collect`. Invariants: it only
//! reads; a chain that is longer than the bound, or of which a run is not known, ends in one that went on
//! from a run, and the gate `start` does not pass it.

use common::id::{Digest, SiteId};

use super::facts::{Ancestor, Approval, HeldOut, Initial, Start};
use crate::execution::runs::Runs;
use crate::limits::RELEASE_ANCESTORS_MAX;
use crate::round::launched::{LaunchedRun, PinnedFile};
use crate::round::state::RunState;

/// Of a run.
pub(super) fn initial(runs: &Runs, state: &RunState) -> Initial {
    let all = runs.all();
    let mut ancestors: Vec<Ancestor> = Vec::new();
    let mut origin = state.launched.origin;
    while let Some(before) = origin.filter(|_| ancestors.len() < RELEASE_ANCESTORS_MAX) {
        let Some(found) = all.iter().find(|state| state.launched.run == before.run) else { break };
        ancestors.push(ancestor(found, before.rounds));
        origin = found.launched.origin;
    }
    Initial { from: start(state), ancestors }
}

fn start(state: &RunState) -> Start {
    match (&state.launched.origin, &state.launched.spec.initial) {
        (Some(_), _) => Start::Run,
        (None, None) => Start::Fresh,
        // Also a run of an older version, whose journal does not name the run that it went on from.
        (None, Some(_)) => Start::Folder,
    }
}

/// A run, of which a later one has the first `rounds` published rounds.
fn ancestor(state: &RunState, rounds: u32) -> Ancestor {
    let published = state.rounds.iter().filter(|record| record.published_at.is_some());
    let counted = published.take(usize::try_from(rounds).unwrap_or(usize::MAX));
    let approvals = counted.flat_map(|record| record.updates.keys());
    Ancestor {
        run: state.launched.run,
        from: start(state),
        rounds,
        held_out: held_out(&state.launched),
        sites_were_asked: state.launched.needs_approval,
        approvals: approvals.map(|site| (site.clone(), approval(state, site, None))).collect(),
    }
}

/// The held-out files of a run.
pub(super) fn held_out(launched: &LaunchedRun) -> HeldOut {
    let file = |file: &Option<PinnedFile>| file.as_ref().map(|file| file.digest);
    HeldOut {
        validation: file(&launched.validation),
        test: file(&launched.test),
        compared: launched.overlap.is_some(),
    }
}

/// What a site decided, whose key is `key` where the terms say so.
pub(super) fn approval(state: &RunState, site: &SiteId, key: Option<Digest>) -> Approval {
    let answered = state.decisions.get(site);
    Approval {
        key,
        decision: answered.map(|answered| answered.decision.word().to_owned()),
        since: answered.map(|answered| answered.at.rfc3339()),
        revoked: state.revoked.contains(site),
    }
}
