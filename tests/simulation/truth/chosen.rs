//! What is checked of the choice of sites: that they take turns, that no more are chosen than may be, and
//! that nobody else counts.

use std::collections::BTreeSet;

use common::id::{Round, RunId, SiteId};
use coordinator::round::event::Event;
use coordinator::round::state::{RoundRecord, RunState};

use super::{Truth, invariant};

impl Truth {
    /// The coordinator makes a choice, while these sites have a connection. Of sites that had a turn none may
    /// be chosen while one that is there and takes part waits for its own.
    pub(crate) fn chooses(&mut self, state: &RunState, event: &Event, connected: &BTreeSet<SiteId>) {
        let Event::SitesChosen { round, sites, passed_over } = event else { return };
        // Only who is not there loses a turn.
        let is_there = |site: &&SiteId| connected.contains(*site) && !state.is_left_out(site);
        if let Some(site) = passed_over.iter().find(is_there).cloned() {
            self.broken(invariant::TURNS, || format!("{site} is there and passed over in round {round}"));
        }
        let before = self.had_turn(state.launched.run, *round);
        let lost = self.passed_over.get(&(state.launched.run, *round));
        let had: BTreeSet<&SiteId> = before.iter().chain(lost.into_iter().flatten()).collect();
        let earlier = self.chosen.get(&(state.launched.run, *round));
        let is_free = |site: &&SiteId| !earlier.is_some_and(|earlier| earlier.contains(*site));
        let gave_up = |site: &SiteId| state.current().is_some_and(|record| record.failed.contains_key(site));
        let waits = |site: &&SiteId| {
            connected.contains(*site)
                && !state.is_left_out(site)
                && !gave_up(site)
                && !had.contains(*site)
                && !sites.contains(*site)
        };
        let waiting = state.launched.sites.iter().filter(is_free).find(waits).cloned();
        let again = sites.iter().find(|site| before.contains(*site)).cloned();
        if let Some((waiting, again)) = waiting.zip(again) {
            self.broken(invariant::TURNS, || {
                format!("{again} is chosen again for round {round}, and {waiting} was not")
            });
        }
    }

    /// Who had a turn, or lost one, before this round since everybody had one, as the rows say.
    fn had_turn(&self, run: RunId, round: Round) -> BTreeSet<SiteId> {
        let mut had: BTreeSet<SiteId> = BTreeSet::new();
        for (key, sites) in self.chosen.range((run, Round(0))..(run, round)) {
            let mut sites = sites.clone();
            sites.extend(self.passed_over.get(key).into_iter().flatten().cloned());
            let again: BTreeSet<SiteId> = sites.intersection(&had).cloned().collect();
            if again.is_empty() {
                had.extend(sites.iter().cloned());
            } else {
                had = again;
            }
        }
        had
    }

    /// A choice is in the journal.
    pub(super) fn chosen(&mut self, before: &RunState, state: &RunState, event: &Event) {
        let (Event::SitesChosen { round, sites, passed_over }, Some(settings)) =
            (event, state.launched.spec.participation)
        else {
            return;
        };
        let passed = self.passed_over.entry((state.launched.run, *round)).or_default();
        passed.extend(passed_over.iter().cloned());
        self.counts.passed_over += passed_over.len() as u64;
        let chosen = self.chosen.entry((state.launched.run, *round)).or_default();
        let is_first = chosen.is_empty();
        let is_new = chosen.is_disjoint(sites);
        chosen.extend(sites.iter().cloned());
        self.counts.chosen += u64::from(is_first);
        self.counts.chosen_beside += u64::from(!is_first);
        let count = sites.len();
        let quorum = before.launched.spec.quorum.sites;
        let has = before.current().map_or(0, |record| record.updates.len());
        let most = if is_first { settings.sites_per_round } else { quorum.saturating_sub(has) };
        let are_members = sites.iter().all(|site| state.launched.sites.contains(site));
        self.check(is_new && are_members && count <= most, invariant::CHOSEN, || {
            format!("{count} sites are chosen for round {round}, and {most} may be")
        });
    }

    /// A round is closed: who counts was chosen.
    pub(super) fn counts_only_chosen(&mut self, state: &RunState, record: &RoundRecord) {
        if state.launched.spec.participation.is_none() {
            return;
        }
        let chosen = self.chosen.get(&(state.launched.run, record.round));
        let rests = |site: &&SiteId| !chosen.is_some_and(|chosen| chosen.contains(*site));
        let other = record.updates.keys().find(rests).cloned();
        let late = record.missing.keys().find(rests).cloned();
        if let Some(other) = other {
            self.broken(invariant::CHOSEN, || {
                format!("round {} is closed with {other}, which was not chosen", record.round)
            });
        }
        if let Some(late) = late {
            self.broken(invariant::CHOSEN, || {
                format!("{late} is missing in round {}, for which it was not chosen", record.round)
            });
        }
    }
}
