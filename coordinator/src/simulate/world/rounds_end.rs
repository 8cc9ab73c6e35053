//! The end of a round: what it cost, who did not count, and who hears too late. Part of `world`, called by
//! it.

use std::collections::BTreeMap;

use super::super::agenda::Ms;
use super::super::rounds::{ClosedBy, Parts, RoundCost};
use super::World;
use crate::round::event::Event;
use crate::round::state::{Phase, RunState};

impl World<'_> {
    /// After the event that closed a round.
    pub(super) fn closed(&mut self, by: &Event) {
        let now = self.now;
        self.stamps.closed_at = now;
        if let Event::UpdateStored { site, .. } = by {
            self.counted(self.index.get(site).copied());
        }
        let Some(state) = self.state() else { return };
        let Some(record) = state.current() else { return };
        let mut missing = BTreeMap::new();
        for why in record.missing.values() {
            *missing.entry(why.to_string()).or_insert(0) += 1;
        }
        let cost = RoundCost {
            round: record.round.0,
            updates: record.updates.len(),
            closed_by: match by {
                Event::UpdateStored { .. } => ClosedBy::Update,
                Event::SitesAbsent { .. } => ClosedBy::Absence,
                _ => ClosedBy::Time,
            },
            failed: matches!(state.phase, Phase::Failed(_)),
            parts: self.parts_of_sites(),
            missing,
        };
        let late: Vec<usize> =
            record.missing.keys().filter_map(|site| self.index.get(site).copied()).collect();
        self.rounds.push(cost);
        late.into_iter().for_each(|site| self.hears_too_late(site));
    }

    /// An update counts.
    pub(super) fn counted(&mut self, site: Option<usize>) {
        self.stamps.last = site.map(|site| (site, self.now));
    }

    /// The time until the round closed, by what the last site that counted did.
    fn parts_of_sites(&self) -> Parts {
        let stamps = &self.stamps;
        let last = stamps.last.and_then(|(site, at)| Some((self.sites.get(site)?, at)));
        let Some((site, stored_at)) = last else {
            let waiting_ms = stamps.closed_at.saturating_sub(stamps.announced_at);
            return Parts { waiting_ms, ..Parts::default() };
        };
        let training_ms = site.trained_at.saturating_sub(site.fetched_at);
        let away_ms = site.away_in_round_ms.min(training_ms);
        Parts {
            download_ms: site.fetched_at.saturating_sub(stamps.announced_at),
            training_ms: training_ms - away_ms,
            upload_ms: stored_at.saturating_sub(site.trained_at),
            waiting_ms: stamps.closed_at.saturating_sub(stored_at).saturating_add(away_ms),
            ..Parts::default()
        }
    }

    /// The round before was published just now.
    pub(super) fn noted_publication(&mut self) {
        let (stamps, now) = (self.stamps, self.now);
        let is_published = self.state().is_some_and(has_just_published);
        let Some(cost) = self.rounds.last_mut() else { return };
        let is_new = cost.parts.aggregation_ms == 0 && cost.parts.evaluation_ms == 0;
        if !is_published || !is_new || cost.failed {
            return;
        }
        let evaluation_ms: Ms = stamps.scored_at.saturating_sub(stamps.averaged_at);
        let after_ms = now.saturating_sub(stamps.closed_at);
        cost.parts.evaluation_ms = evaluation_ms.min(after_ms);
        cost.parts.aggregation_ms = after_ms - cost.parts.evaluation_ms;
    }
}

/// Whether the last round, or the one before an open one, is published.
fn has_just_published(state: &RunState) -> bool {
    state.rounds.iter().rev().take(2).any(|record| record.published_at.is_some())
}
