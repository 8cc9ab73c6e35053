//! The held-out veto: a round whose validation loss is too far above the best one so far is not adopted, and
//! the run goes on from the last round that was. Beside the run it is then measured which site's update does
//! the harm, by leaving one out after the other. Pure. Used by `scheduler`; by `execution::beside`, which
//! asks what to measure next; by `retention`, which keeps the updates so long; by `admin::report`.
//!
//! Invariants: what was decided stands in the journal and is decided again in the same way; without a
//! measurement nothing is vetoed; no round waits for the search for the harm, but for
//! the turn of one evaluation.

use common::clock::Timestamp;
use common::id::{Round, SiteId};

use super::state::{RoundRecord, RunState, Score};
use super::vetoed::{Harm, Veto, is_number};
use super::weight;
use crate::limits::{LEAVE_ONE_OUT_BACKLOG_MAX, LEAVE_ONE_OUT_SITES_MAX};

/// Whether the measurement of the round in progress forbids it to be adopted.
pub fn forbids(state: &RunState, score: &Score) -> bool {
    judge(state, score, state.updated_at).is_some()
}

/// The veto, if the measurement of the round in progress calls for one. A loss that is no number does so
/// always, and is no mark for others.
pub(super) fn judge(state: &RunState, score: &Score, now: Timestamp) -> Option<Veto> {
    let increase_max = state.launched.spec.evaluation.loss_increase_max?;
    let loss = score.metrics()?.loss;
    let adopted = state.rounds.iter().filter(|record| record.published_at.is_some());
    let scores = adopted.filter_map(|record| record.score.as_ref()).chain(&state.base).chain(&state.initial);
    let losses = scores.filter_map(Score::metrics).map(|metrics| metrics.loss);
    let best_loss = losses.filter(|loss| is_number(*loss)).min_by(f64::total_cmp);
    let veto = Veto { at: now, best_loss, increase_max, harm: None };
    (!veto.would_adopt(loss)).then_some(veto)
}

/// The vetoed rounds of a run whose harm is still to be looked for, in order.
pub fn waiting(state: &RunState) -> impl Iterator<Item = &RoundRecord> {
    state.rounds.iter().filter(|record| is_waiting(record))
}

fn is_waiting(record: &RoundRecord) -> bool {
    record.vetoed.as_ref().is_some_and(|veto| veto.harm.is_none())
}

/// After a veto: of too many rounds that wait, the oldest goes without.
pub(super) fn bound(state: &mut RunState) {
    let surplus = waiting(state).count().saturating_sub(LEAVE_ONE_OUT_BACKLOG_MAX);
    for record in state.rounds.iter_mut().filter(|record| is_waiting(record)).take(surplus) {
        let reason = "the next rounds were faster than the search".to_owned();
        if let Some(veto) = &mut record.vetoed {
            veto.harm = Some(Harm::NotMeasured { reason });
        }
    }
}

/// Notes what was found of a vetoed round. What was found stays; of a round that was given up it counts all
/// the same. Returns whether anything changed.
pub(super) fn note(state: &mut RunState, round: Round, harm: &Harm) -> bool {
    let record = state.rounds.iter_mut().find(|record| record.round == round);
    let Some(veto) = record.and_then(|record| record.vetoed.as_mut()) else { return false };
    let is_news = match (&veto.harm, harm) {
        (None, _) => true,
        (Some(Harm::NotMeasured { .. }), Harm::Measured { .. }) => true,
        (Some(_), _) => false,
    };
    if is_news {
        veto.harm = Some(harm.clone());
    }
    is_news
}

/// The sites of a round that are left out one after the other: those far from the others first, then by
/// weight, because a heavy update does most.
pub fn suspects(state: &RunState, record: &RoundRecord) -> Vec<SiteId> {
    let weights = weight::of_round(state, record);
    let is_far = |site: &SiteId| record.outliers.iter().any(|outlier| &outlier.site == site);
    let mut sites: Vec<(SiteId, f64)> = weights.into_iter().collect();
    // Stable: equal ones stay in the order of their names.
    sites
        .sort_by(|(a, weight_a), (b, weight_b)| is_far(b).cmp(&is_far(a)).then(weight_b.total_cmp(weight_a)));
    sites.truncate(LEAVE_ONE_OUT_SITES_MAX);
    sites.into_iter().map(|(site, _)| site).collect()
}

#[cfg(test)]
mod tests;
