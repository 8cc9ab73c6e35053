//! One step of a run as it is journalled, and the events that say who is out of reach and who trains a round.
//! Pure. Called by `driver`, which commits the row before anybody sees the state, and by the simulator
//! (`tests/simulation`). Invariants: what is applied is what is read back from the row, so that replay gives
//! the same bits even of a float; an event that changes nothing has no row.

use std::collections::{BTreeMap, BTreeSet};

use common::clock::Timestamp;
use common::id::{Round, RunId, SiteId};

use crate::error::{Error, Result};
use crate::round::consent;
use crate::round::effect::{Admission, Effect};
use crate::round::event::Event;
use crate::round::missing::Absence;
use crate::round::participation::{self, Choice};
use crate::round::scheduler;
use crate::round::state::{Phase, RoundRecord, RunState};

/// What an event makes of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The state afterwards.
    pub next: RunState,
    /// What is to be done about it.
    pub asked: Vec<Effect>,
    /// What belongs in the journal first, unless nothing changed.
    pub row: Option<Row>,
}

/// A row of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The round that the run is in then; 0 before the first.
    pub round: Round,
    /// The event's name.
    pub kind: &'static str,
    /// When.
    pub at: Timestamp,
    /// The event, as JSON.
    pub body: String,
}

impl Transition {
    /// How an update was answered.
    pub fn admission(&self) -> Option<Admission> {
        self.asked.iter().find_map(|effect| match effect {
            Effect::Answer(admission) => Some(*admission),
            _ => None,
        })
    }
}

/// Applies an event to a run, of which `before` is the state; `other` is another run that is going.
///
/// # Errors
/// There is no such run, another one is going, or the event cannot be written.
pub fn transition(
    before: Option<&RunState>,
    other: Option<RunId>,
    run: RunId,
    event: &Event,
    now: Timestamp,
) -> Result<Transition> {
    let body = serde_json::to_string(event).map_err(|error| Error::Internal(error.to_string()))?;
    let event: Event = serde_json::from_str(&body).map_err(|error| Error::Internal(error.to_string()))?;
    let (next, asked) = match (&event, before, other) {
        (Event::Launched { launched }, None, Some(_)) if launched.queued.is_some() => {
            scheduler::launch(launched.as_ref().clone(), now)
        }
        (Event::Launched { .. } | Event::LeftQueue { .. } | Event::TestAsked { .. }, _, Some(other)) => {
            return Err(Error::RunInProgress(other.to_string()));
        }
        (Event::Launched { launched }, None, None) => scheduler::launch(launched.as_ref().clone(), now),
        (_, Some(state), _) => scheduler::step(state.clone(), &event, now),
        (_, None, _) => return Err(Error::UnknownRun(run.to_string())),
    };
    let row = (before != Some(&next)).then(|| Row {
        round: next.current().map_or(Round(0), |record| record.round),
        kind: event.kind(),
        at: next.updated_at,
        body,
    });
    Ok(Transition { next, asked, row })
}

/// Whom a round whose quorum is in waits for, or, as round 0, a proposal to which a quorum has agreed.
pub fn waited_for(state: &RunState) -> Option<(Round, BTreeSet<&SiteId>)> {
    if state.phase == Phase::Proposed {
        return state.agreed_at.map(|_| (Round(0), consent::unanswered(state).collect()));
    }
    let has_quorum = |record: &&RoundRecord| state.is_open() && record.quorum_at.is_some();
    let record = state.current().filter(has_quorum)?;
    Some((record.round, state.waited_for().collect()))
}

/// The sites that train the open round, where some are to be chosen: the event.
pub fn chosen(state: &RunState, is_away: impl Fn(&SiteId) -> bool) -> Option<Event> {
    let round = state.current()?.round;
    let Choice { sites, passed_over } = participation::choose(state, is_away);
    (!sites.is_empty()).then_some(Event::SitesChosen { round, sites, passed_over })
}

/// Nobody waits for sites that are out of reach: the event, if only such are waited for.
pub fn absent(state: &RunState, absence: impl Fn(&SiteId) -> Option<Absence>) -> Option<Event> {
    let (round, waited) = waited_for(state)?;
    let sites: Option<BTreeMap<SiteId, Absence>> =
        waited.into_iter().map(|site| Some((site.clone(), absence(site)?))).collect();
    Some(Event::SitesAbsent { round, sites: sites? })
}
