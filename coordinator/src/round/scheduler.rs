//! The pure scheduler: `step(state, event, now) -> (state, effects)`. No clock, no file, no
//! randomness. Called by `execution::driver` for live events, by `execution::runs` for the replay at start,
//! and by `requests::update` for the answer to an offer. Invariants (tested by simulation): an update counts
//! once or not at all; what is published depends on which updates counted, never on the order they came in;
//! replaying any prefix gives the live state.

use common::clock::Timestamp;
use common::id::{Digest, Round, SiteId};

use super::accuracy;
use super::aggregation_error;
use super::alone;
use super::closing;
use super::consent;
use super::effect::{Admission, Effect};
use super::event::Event;
use super::extension;
use super::launched::LaunchedRun;
use super::own_scores;
use super::participation::{self, Choice};
use super::queue;
use super::state::{
    Aggregate, Conflict, Failure, Outlier, Phase, RoundRecord, RunState, Score, TestPlace, Update,
};
use super::stopping;
use super::suites;
use super::veto;
use crate::limits::{CONFLICTS_PER_UPDATE_MAX, FAILURES_PER_ROUND_MAX};

/// Starts a run: its state and the first effects.
pub fn launch(launched: LaunchedRun, now: Timestamp) -> (RunState, Vec<Effect>) {
    let state = RunState::launched(launched, now);
    let effects = pending(&state);
    (state, effects)
}

/// Applies one event. An event that is out of place changes nothing (the returned state equals the
/// given one); the driver journals only what changed something.
pub fn step(mut state: RunState, event: &Event, now: Timestamp) -> (RunState, Vec<Effect>) {
    let now = now.max(state.updated_at);
    let (phase_before, round_before) = (state.phase.clone(), state.rounds.len());
    let outcome = apply(&mut state, event, now);
    let mut effects = Vec::new();
    if let Outcome::Answered { admission, .. } = outcome {
        effects.push(Effect::Answer(admission));
    }
    let is_changed = matches!(outcome, Outcome::Changed | Outcome::Answered { changed: true, .. });
    if is_changed {
        state.updated_at = now;
    }
    if state.phase != phase_before {
        state.ended_at = state.is_over().then_some(now);
    }
    // One site after the other is measured in the same phase, and a round is announced once sites are chosen.
    let goes_on = is_changed && matches!(event, Event::AloneMeasured { .. } | Event::SitesChosen { .. });
    if state.phase != phase_before || state.rounds.len() != round_before || goes_on {
        effects.extend(pending(&state));
    } else if is_changed {
        // Somebody who was chosen may have left, somebody else come.
        effects.extend(participation::asked(&state));
    }
    (state, effects)
}

/// Rebuilds a run from its journal. `None` for a journal that does not begin with a launch.
pub fn replay<'a>(journal: impl IntoIterator<Item = (&'a Event, Timestamp)>) -> Option<RunState> {
    let mut rows = journal.into_iter();
    let (Event::Launched { launched }, launched_at) = rows.next()? else { return None };
    let state = RunState::launched(launched.as_ref().clone(), launched_at);
    Some(rows.fold(state, |state, (event, at)| step(state, event, at).0))
}

/// The effects that the state calls for; performed when a phase begins, and again after a restart.
pub fn pending(state: &RunState) -> Vec<Effect> {
    let round = state.current();
    let aggregate =
        round.and_then(|record| record.aggregate.map(|aggregate| (record.round, aggregate.digest)));
    match (&state.phase, round, aggregate) {
        (Phase::MeasuringBase, _, _) => vec![Effect::ScoreBase],
        _ if participation::is_wanted(state) => participation::asked(state).into_iter().collect(),
        (Phase::Announced, Some(record), _) => vec![Effect::Announce { round: record.round }],
        (Phase::Aggregating, Some(record), _) => vec![Effect::Aggregate {
            round: record.round,
            inputs: record.updates.iter().map(|(site, update)| (site.clone(), *update)).collect(),
        }],
        (Phase::Evaluating | Phase::Testing, _, _) if alone::is_alone(state) => {
            alone::next(state).into_iter().collect()
        }
        (Phase::Evaluating, _, Some((round, adapter))) => vec![Effect::Score { round, adapter }],
        (Phase::Publishing, _, Some((round, adapter))) => vec![Effect::Publish { round, adapter }],
        (Phase::TestPending, _, _) => vec![Effect::OpenTest],
        (Phase::Testing, _, _) => vec![Effect::ScoreTest { adapter: state.model() }],
        (Phase::Finished | Phase::Failed(_), _, _) => vec![Effect::Finish],
        _ => Vec::new(),
    }
}

/// What a site would be told if it sent this update now; the answer to an offer.
pub fn admission(state: &RunState, round: Round, site: &SiteId, digest: Digest) -> Admission {
    match state.round(round).and_then(|record| record.updates.get(site)) {
        Some(update) if update.digest == digest => Admission::Known,
        Some(_) => Admission::Conflict,
        None if state.work_for(site).is_some_and(|record| record.round == round) => Admission::Welcome,
        None => Admission::RoundClosed,
    }
}

/// What an event did to the state.
enum Outcome {
    /// It was out of place.
    Ignored,
    /// It belongs in the journal.
    Changed,
    /// It was an update; the site gets an answer whether or not anything changed.
    Answered { admission: Admission, changed: bool },
}

fn apply(state: &mut RunState, event: &Event, now: Timestamp) -> Outcome {
    match event {
        Event::BaseScored { score, initial } if state.phase == Phase::MeasuringBase => {
            (state.base, state.initial) = (Some(score.clone()), initial.clone());
            begin(state, now);
        }
        _ if is_arrangement(event) => {
            return changed(arranged(state, event, now));
        }
        Event::SiteReady { round, site } => return site_ready(state, *round, site, now),
        Event::UpdateStored { round, site, digest, bytes, records } => {
            let update = Update { digest: *digest, bytes: *bytes, records: *records };
            return stored(state, *round, site, update, now);
        }
        Event::SiteRevoked { site } if !state.is_over() && !state.revoked.contains(site) => {
            revoke(state, site, now);
        }
        Event::SiteDecided { site, decision } => {
            return changed(consent::decided(state, site, *decision, now));
        }
        Event::SiteFailed { round, site, code } => return failed(state, *round, site, code, now),
        Event::Aggregated { round, digest, aggregation_error, duration_ms, outliers, server_state } => {
            let (duration_ms, server_state) = (*duration_ms, *server_state);
            let aggregate = Aggregate { digest: *digest, duration_ms, server_state };
            let is_news = aggregated(state, *round, aggregate, outliers);
            return changed(is_news && with_error(state, *aggregation_error));
        }
        Event::AggregationErrorFound { round, outcome } => {
            return changed(aggregation_error::note(state, *round, outcome));
        }
        Event::Scored { round, score } => return scored(state, *round, score, now),
        Event::MeasurementBegun { what } => return changed(suites::note_begun(state, *what)),
        Event::SuiteMeasured { suite, outcome } => return changed(suites::note(state, *suite, outcome)),
        Event::ForgettingMeasured { outcome } => return changed(suites::note_forgotten(state, outcome)),
        Event::AloneMeasured { .. } => return changed(alone::note(state, event)),
        Event::SiteScored { site, said } => return changed(own_scores::note(state, site, said, now)),
        Event::HarmFound { round, harm } => return changed(veto::note(state, *round, harm)),
        Event::RoundPublished { round } => return published(state, *round, now),
        Event::TestOpened { .. }
        | Event::TestPutOff { .. }
        | Event::TestAsked { .. }
        | Event::TestScored { .. } => return changed(test_set(state, event, now)),
        Event::Restarted if state.is_open() => closing::begin_anew(state, now),
        Event::Restarted if state.phase == Phase::Proposed => consent::begin_anew(state, now),
        // Only the late measurement ends: the run itself was over.
        Event::Stopped if !state.is_over() && state.test.attempt > 0 => {
            state.test.place = None;
            state.phase = Phase::Finished;
        }
        Event::Stopped if !state.is_over() => state.phase = Phase::Failed(Failure::Stopped),
        Event::EffectFailed { reason } if !state.is_over() && state.test.attempt > 0 => {
            state.test.federated = Some(Score::Unevaluated { reason: reason.clone() });
            state.phase = Phase::Finished;
        }
        Event::EffectFailed { reason } if !state.is_over() => {
            state.phase = Phase::Failed(Failure::EffectFailed(reason.clone()))
        }
        Event::Tick => return changed(consent::expire(state, now) || closing::expire(state, now)),
        Event::SitesAbsent { round: Round(0), sites } => return changed(consent::without(state, sites)),
        Event::SitesAbsent { round, sites }
            if state.current().is_some_and(|record| record.round == *round) =>
        {
            return changed(closing::without(state, sites, now));
        }
        Event::SiteExcluded { .. }
        | Event::SiteIncluded { .. }
        | Event::SitePaused { .. }
        | Event::SiteResumed { .. } => return leave_out(state, event, now),
        _ => return Outcome::Ignored,
    }
    Outcome::Changed
}

/// Whether it is a matter of [`arranged`].
fn is_arrangement(event: &Event) -> bool {
    use Event::{DeadlineExtended, LeftQueue, SitesChosen, StopAfterRound};
    matches!(event, LeftQueue { .. } | SitesChosen { .. } | DeadlineExtended { .. } | StopAfterRound { .. })
}

/// Who trains the open round, for how long, and what follows it. Returns whether anything changed.
fn arranged(state: &mut RunState, event: &Event, now: Timestamp) -> bool {
    match event {
        Event::LeftQueue { sent_before, test_openings_before } => {
            queue::left(state, sent_before, *test_openings_before, now)
        }
        Event::SitesChosen { round, sites, passed_over } => {
            let choice = Choice { sites: sites.clone(), passed_over: passed_over.clone() };
            participation::chosen(state, *round, &choice, now)
        }
        Event::DeadlineExtended { round, by_ms } => extension::extend(state, *round, *by_ms),
        Event::StopAfterRound { round } => stopping::stop_after(state, *round),
        _ => false,
    }
}

/// The first round, unless somebody has left meanwhile: then the others are asked on.
fn begin(state: &mut RunState, now: Timestamp) {
    if consent::is_short(state) {
        consent::ask_again(state, now);
    } else {
        announce(state, now);
    }
}

/// The test set's part: asked for, put off, opened, measured. Returns whether anything changed.
fn test_set(state: &mut RunState, event: &Event, now: Timestamp) -> bool {
    match event {
        Event::TestOpened { attempt, .. }
            if state.phase == Phase::TestPending && *attempt == state.test.attempt =>
        {
            // What was named late has been proved by now.
            if let Some(place) = state.test.place.take() {
                state.launched.model = place.model;
                state.launched.test.iter_mut().for_each(|file| file.path.clone_from(&place.test));
            }
            state.test.openings.push(now);
            state.phase = Phase::Testing;
        }
        Event::TestPutOff { reason, attempt }
            if state.phase == Phase::TestPending && *attempt == state.test.attempt =>
        {
            state.test.federated = Some(Score::Unevaluated { reason: reason.clone() });
            state.test.place = None;
            state.phase = Phase::Finished;
        }
        Event::TestAsked { model, test } if state.may_be_tested() => {
            state.test.attempt += 1;
            state.test.place = Some(TestPlace { model: model.clone(), test: test.clone() });
            state.phase = Phase::TestPending;
        }
        Event::TestScored { base, federated, attempt }
            if state.phase == Phase::Testing && *attempt == state.test.attempt && !alone::is_alone(state) =>
        {
            state.test.base = Some(base.clone());
            state.test.federated = Some(federated.clone());
            state.phase = Phase::Finished;
        }
        _ => return false,
    }
    true
}

fn announce(state: &mut RunState, now: Timestamp) {
    if consent::is_hopeless(state) {
        return consent::fail(state);
    }
    let number = count(state.rounds.len()).saturating_add(1);
    state.rounds.push(RoundRecord {
        round: Round(number),
        from: state.model(),
        announced_at: now,
        deadline: now.plus_ms(extension::deadline_ms(state)),
        extension: Default::default(),
        chosen: state.launched.spec.participation.map(|_| Default::default()),
        passed_over: Default::default(),
        is_overdue: false,
        ready: Default::default(),
        updates: Default::default(),
        failed: Default::default(),
        failures: Default::default(),
        quorum_at: None,
        absent: Default::default(),
        missing: Default::default(),
        closed_at: None,
        aggregate: None,
        outliers: Vec::new(),
        score: None,
        published_at: None,
        vetoed: None,
        aggregation_error: None,
    });
    state.phase = Phase::Announced;
}

fn site_ready(state: &mut RunState, round: Round, site: &SiteId, now: Timestamp) -> Outcome {
    if state.work_for(site).is_none_or(|record| record.round != round || record.ready.contains_key(site)) {
        return Outcome::Ignored;
    }
    if let Some(record) = state.rounds.last_mut() {
        record.ready.insert(site.clone(), now);
        state.phase = Phase::Collecting;
    }
    Outcome::Changed
}

fn stored(state: &mut RunState, round: Round, site: &SiteId, update: Update, now: Timestamp) -> Outcome {
    let admission = admission(state, round, site, update.digest);
    match admission {
        Admission::Known | Admission::RoundClosed => return Outcome::Answered { admission, changed: false },
        Admission::Conflict => return conflict(state, round, site, update.digest, now),
        Admission::Welcome => {}
    }
    if let Some(record) = state.rounds.last_mut() {
        record.failed.remove(site);
        record.updates.insert(site.clone(), update);
        state.phase = Phase::Collecting;
    }
    closing::consider(state, now);
    Outcome::Answered { admission, changed: true }
}

/// A site gave up on this round. It may still deliver after all; nobody waits for it.
fn failed(state: &mut RunState, round: Round, site: &SiteId, code: &str, now: Timestamp) -> Outcome {
    let expected = state.work_for(site).is_some_and(|record| record.round == round);
    match state.rounds.last_mut() {
        Some(record) if expected && record.failed.get(site).is_none_or(|known| known != code) => {
            let failures = record.failures.entry(site.clone()).or_default();
            if *failures >= FAILURES_PER_ROUND_MAX {
                return Outcome::Ignored;
            }
            *failures += 1;
            record.failed.insert(site.clone(), code.to_owned());
        }
        _ => return Outcome::Ignored,
    }
    closing::consider(state, now);
    Outcome::Changed
}

/// The first update stands. Recorded once per refused digest, so that a site that insists cannot
/// grow the journal.
fn conflict(state: &mut RunState, round: Round, site: &SiteId, refused: Digest, now: Timestamp) -> Outcome {
    let known = |conflict: &Conflict| conflict.round == round && &conflict.site == site;
    let seen = state.conflicts.iter().filter(|conflict| known(conflict));
    let full = seen.clone().count() >= CONFLICTS_PER_UPDATE_MAX;
    if full || seen.clone().any(|conflict| conflict.refused == refused) {
        return Outcome::Answered { admission: Admission::Conflict, changed: false };
    }
    state.conflicts.push(Conflict { round, site: site.clone(), refused, at: now });
    Outcome::Answered { admission: Admission::Conflict, changed: true }
}

/// Nothing of a revoked site counts from now on: an update that waits for its round to close is
/// taken out. A set that is already being averaged was sealed before the revocation and stays. A
/// quorum that has become impossible is not waited for.
fn revoke(state: &mut RunState, site: &SiteId, now: Timestamp) {
    state.revoked.insert(site.clone());
    consent::taken_out(state, site, now);
}

/// Takes a site out of the run for now, or in again. What it has delivered counts all the same: it has a
/// receipt for it. A quorum that has become impossible is waited for, because the site may come back.
fn leave_out(state: &mut RunState, event: &Event, now: Timestamp) -> Outcome {
    let taking_part = |state: &RunState, site| !state.is_over() && state.launched.sites.contains(site);
    let moved = match event {
        Event::SiteExcluded { site } => taking_part(state, site) && state.excluded.insert(site.clone()),
        Event::SiteIncluded { site } => taking_part(state, site) && state.excluded.remove(site),
        Event::SitePaused { site } => taking_part(state, site) && state.paused.insert(site.clone()),
        Event::SiteResumed { site } => taking_part(state, site) && state.paused.remove(site),
        _ => false,
    };
    if moved {
        closing::consider(state, now);
        consent::consider(state, now);
    }
    changed(moved)
}

fn changed(changed: bool) -> Outcome {
    if changed { Outcome::Changed } else { Outcome::Ignored }
}

/// As older versions journalled it. Returns whether there was a round to note it of.
fn with_error(state: &mut RunState, aggregation_error: Option<f64>) -> bool {
    let Some(record) = state.rounds.last_mut() else { return false };
    record.aggregation_error = aggregation_error.map(accuracy::Outcome::exact);
    true
}

fn aggregated(state: &mut RunState, round: Round, aggregate: Aggregate, outliers: &[Outlier]) -> bool {
    match state.rounds.last_mut() {
        Some(record) if state.phase == Phase::Aggregating && record.round == round => {
            record.aggregate = Some(aggregate);
            record.outliers = outliers.to_vec();
            state.phase = Phase::Evaluating;
            true
        }
        _ => false,
    }
}

/// Measured: to be published, unless the measurement forbids it.
fn scored(state: &mut RunState, round: Round, score: &Score, now: Timestamp) -> Outcome {
    let veto = veto::judge(state, score, now);
    let (is_vetoed, is_alone) = (veto.is_some(), alone::is_alone(state));
    match state.rounds.last_mut() {
        Some(record) if state.phase == Phase::Evaluating && record.round == round && !is_alone => {
            record.score = Some(score.clone());
            record.vetoed = veto;
        }
        _ => return Outcome::Ignored,
    }
    if is_vetoed {
        veto::bound(state);
        go_on(state, round, now);
    } else {
        state.phase = Phase::Publishing;
    }
    Outcome::Changed
}

fn published(state: &mut RunState, round: Round, now: Timestamp) -> Outcome {
    match state.rounds.last_mut() {
        Some(record) if state.phase == Phase::Publishing && record.round == round => {
            record.published_at = Some(now);
        }
        _ => return Outcome::Ignored,
    }
    aggregation_error::bound(state);
    go_on(state, round, now);
    Outcome::Changed
}

/// What comes after a round, whether it was adopted or not.
fn go_on(state: &mut RunState, round: Round, now: Timestamp) {
    if round.0 < state.launched.spec.rounds && state.stops_after == Some(round) {
        state.phase = Phase::Failed(Failure::Stopped);
    } else if round.0 < state.launched.spec.rounds {
        announce(state, now);
    } else if state.published() == 0 {
        state.phase = Phase::Failed(Failure::NothingAdopted);
    } else if state.launched.test.is_some() {
        state.phase = Phase::TestPending;
    } else {
        state.phase = Phase::Finished;
    }
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
