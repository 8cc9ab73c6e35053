//! What the report of a run says of one site. Called by `admin::report`. Invariant: what is counted of a site
//! is counted in this run, not in all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use common::clock::Timestamp;
use common::id::SiteId;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::round::decision::SiteDecision;
use crate::round::launched::Sent;
use crate::round::state::{Phase, RoundRecord, RunState};
use crate::store::Store;

/// One site in the newest round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteReport {
    /// Its name.
    pub site: String,
    /// `asked`, `declined`, `outside_policy`, `withdrawn`, `approved`, `waiting`, `training`, `sent`,
    /// `failed`, `paused`, `excluded`, `revoked` or, where others train the round, `not_chosen`.
    pub state: String,
    /// What it decided about the run: `approved`, `declined`, `outside_policy` or `withdrawn`.
    #[serde(default)]
    pub decision: Option<String>,
    /// Since when (RFC 3339, UTC).
    #[serde(default)]
    pub decided: Option<String>,
    /// In how many rounds of this run it counts.
    #[serde(default)]
    pub counted_rounds: u32,
    /// Of how many that were closed, of those that it was chosen for.
    #[serde(default)]
    pub closed_rounds: u32,
    /// The failure code it sent.
    pub failure: Option<String>,
    /// Optimiser steps done.
    pub step: u32,
    /// Optimiser steps of the round.
    pub total_steps: u32,
    /// Its training loss in nats per token.
    pub loss: Option<f64>,
    /// Its training speed.
    pub tokens_per_s: Option<u32>,
    /// Records it trained on, rounded as reported.
    pub records: Option<u64>,
    /// What its newest update weighs in the average of its round, 0 to 1.
    #[serde(default)]
    pub weight: Option<f64>,
    /// Bytes received from it from the launch of this run to that of its next one; since it joined, was
    /// readmitted or had another ledger accepted where that is later, and for runs of earlier versions.
    pub bytes_sent: u64,
    /// Frames received from it in that time.
    pub frames_sent: u64,
}

/// `later` are the runs that were launched after this one, oldest first.
pub(super) fn report(
    store: &Store,
    later: &[Arc<RunState>],
    state: &RunState,
    site: &SiteId,
    weight: Option<f64>,
) -> Result<SiteReport> {
    let sent = sent(store, later, state, site)?;
    let newest = state.rounds.iter().rev().find_map(|record| record.updates.get(site));
    let closed = || state.rounds.iter().filter(|it| it.closed_at.is_some() && it.is_chosen(site));
    let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
    let answered = state.decisions.get(site);
    let mut report = SiteReport {
        site: site.to_string(),
        state: word(state, None, site).to_owned(),
        decision: answered.map(|answered| answered.decision.word().to_owned()),
        decided: answered.map(|answered| answered.at.rfc3339()),
        counted_rounds: count(closed().filter(|record| record.updates.contains_key(site)).count()),
        closed_rounds: count(closed().count()),
        failure: None,
        step: 0,
        total_steps: 0,
        loss: None,
        tokens_per_s: None,
        records: newest.map(|update| update.records),
        weight,
        bytes_sent: sent.bytes,
        frames_sent: sent.frames,
    };
    let Some(record) = state.current() else { return Ok(report) };
    if let Some(progress) = store.progress(state.launched.run, record.round, site)? {
        (report.step, report.total_steps) = (progress.step, progress.total_steps);
        (report.loss, report.tokens_per_s) = (Some(progress.loss), Some(progress.tokens_per_s));
    }
    report.failure = record.failed.get(site).cloned();
    if record.updates.contains_key(site) {
        report.step = report.total_steps;
    }
    report.state = word(state, Some(record), site).to_owned();
    Ok(report)
}

fn word(state: &RunState, record: Option<&RoundRecord>, site: &SiteId) -> &'static str {
    let decision = state.decisions.get(site).map(|answered| answered.decision);
    let has = |is_it: fn(&RoundRecord, &SiteId) -> bool| record.is_some_and(|record| is_it(record, site));
    if state.revoked.contains(site) {
        "revoked"
    } else if has(|record, site| record.updates.contains_key(site)) {
        "sent"
    } else if state.excluded.contains(site) {
        "excluded"
    } else if state.paused.contains(site) {
        "paused"
    } else if !state.has_agreed(site) {
        decision.map_or("asked", SiteDecision::word)
    } else if state.phase == Phase::Proposed {
        "approved"
    } else if has(|record, site| !record.is_chosen(site) && record.chosen != Some(BTreeSet::new())) {
        "not_chosen"
    } else if has(|record, site| record.failed.contains_key(site)) {
        "failed"
    } else if has(|record, site| record.ready.contains_key(site)) {
        "training"
    } else {
        "waiting"
    }
}

/// What arrived of a site from the launch of this run to that of its next one.
fn sent(store: &Store, later: &[Arc<RunState>], state: &RunState, site: &SiteId) -> Result<Sent> {
    if !state.has_begun() {
        return Ok(Sent::default());
    }
    let next = later.iter().find(|run| run.launched.sent_before.contains_key(site));
    let end = match next.and_then(|run| run.launched.sent_before.get(site)) {
        Some(sent) => *sent,
        None => store
            .frame_totals(site)?
            .map(|totals| Sent { frames: totals.frames, bytes: totals.bytes })
            .unwrap_or_default(),
    };
    let within = |at: Timestamp| at >= state.began_at() && next.is_none_or(|run| at < run.began_at());
    let anew = store.counted_anew_at(site)?.is_some_and(within);
    let before = state.launched.sent_before.get(site).copied().unwrap_or_default();
    // Of several new beginnings only the last is known; one before it shows by a smaller count.
    let before = if anew || before.bytes > end.bytes { Sent::default() } else { before };
    Ok(Sent {
        frames: end.frames.saturating_sub(before.frames),
        bytes: end.bytes.saturating_sub(before.bytes),
    })
}
