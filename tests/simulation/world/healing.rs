//! The end of all faults, and what has to follow: the run ends by its deadlines and a lease, and if enough
//! sites can take part it ends with a model.

use common::wire::message::RoundKey;
use coordinator::limits::OFFLINE_MS_MIN;
use coordinator::round::event::Event;
use coordinator::round::state::{Failure, Phase, RunState};

use super::World;
use crate::agenda::Ms;
use crate::faults::{Fault, FaultKind};
use crate::truth::invariant;

/// What a healed run owes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    run: common::id::RunId,
    /// It is over by then.
    at: Ms,
    /// And it has a model.
    with_model: bool,
}

/// What a round takes beside its deadline: a look a second, and effects of a few seconds.
const SLACK_MS: Ms = 30_000;
/// What a site may take to come back after a fault (the longest pauses and backoff), to train twice at most,
/// and to send.
const COMEBACK_MS: Ms = 3 * 15_000 + 30_000 + 2 * 45_000;

impl World {
    pub(super) fn heal(&mut self) {
        self.context.say(|| "healed".to_owned());
        self.context.network.heal();
        self.coordinator.disk.is_full = false;
        self.coordinator.disk.tears = false;
        self.coordinator.dies_at_row = None;
        self.context.is_healed = true;
        self.coordinator.start(&mut self.context);
        let sites = self.context.plan.sites.clone();
        for (index, name) in sites.into_iter().enumerate() {
            self.sites[index].is_disk_full = false;
            self.coordinator.hold(&mut self.context, index, false);
            self.coordinator.command(&mut self.context, Event::SiteIncluded { site: name });
            self.sites[index].start(&mut self.context);
        }
        self.due = self.owed();
        self.context.truth.counts.owed += u64::from(self.due.is_some_and(|due| due.with_model));
    }

    /// What the run that is going owes from now on.
    fn owed(&self) -> Option<Due> {
        let state = self.context.truth.active()?;
        let spec = &state.launched.spec;
        let (round_ms, proposal_ms) = (spec.quorum.deadline_s * 1000, spec.approval.deadline_s * 1000);
        let rounds = u64::from(spec.rounds.saturating_sub(state.gone_through()));
        let lease_ms = OFFLINE_MS_MIN + SLACK_MS;
        let pauses = self.sites.iter().map(|site| site.paused_until).chain([self.coordinator.paused_until]);
        // Who is stopped goes on by itself, in the order in which things reached it.
        let pause_ms = pauses.max().unwrap_or(0).saturating_sub(self.context.now);
        let moves = |fault: &Fault| matches!(fault.kind, FaultKind::Extend { .. });
        // Of commands that are still on their way, the most that a seed's give.
        let coming_ms = if self.context.plan.faults.iter().any(moves) { 900_000 } else { 0 };
        let given_ms = state.current().map_or(0, |record| record.extension.deadline_ms) + coming_ms;
        // A round begins its deadline anew for others beside the chosen, each at most once.
        let deadlines = 1 + spec.participation.map_or(0, |_| self.sites.len() as u64);
        let rounds_ms = rounds * (round_ms * deadlines + lease_ms) + given_ms;
        let at = self.context.now + pause_ms + proposal_ms + lease_ms + rounds_ms;
        let able = (0..self.sites.len()).filter(|site| self.is_able(state, *site)).count();
        let needed_ms = COMEBACK_MS + pause_ms;
        let has_time = self.coordinator.left_ms(&self.context).is_none_or(|left| left >= needed_ms);
        // Where sites take turns, too: who does not send is followed by others at the deadline.
        let with_model = able >= spec.quorum.sites && has_time && round_ms >= needed_ms;
        Some(Due { run: state.launched.run, at, with_model })
    }

    /// Whether a site can still take part in the present round and the next ones.
    fn is_able(&self, state: &RunState, site: usize) -> bool {
        let name = &self.context.plan.sites[site];
        let is_yes = self.context.truth.always_approved(site, state.launched.run);
        let gave_up = state.current().is_some_and(|record| {
            let key = RoundKey { run: state.launched.run, round: record.round };
            record.failed.contains_key(name) || self.sites[site].has_failed_in(key)
        });
        let is_out =
            self.context.truth.is_shut_out(site) || self.sites[site].is_done_with(state.launched.run);
        is_yes && !gave_up && !is_out
    }

    pub(super) fn look_at_due(&mut self) {
        let Some(due) = self.due else { return };
        let Some(state) = self.context.truth.run(due.run) else { return };
        let phase = state.phase.clone();
        if state.is_over() {
            self.due = None;
            let is_spoiled =
                matches!(phase, Phase::Failed(Failure::QuorumNotMet { .. } | Failure::NotAgreed { .. }));
            if due.with_model && is_spoiled {
                self.context.truth.broken(invariant::MODEL, || {
                    format!("enough sites were able to take part, and the run ended as {phase:?}")
                });
            }
        } else if self.context.now > due.at {
            self.context.truth.broken(invariant::ENDS, || format!("it is still {phase:?}"));
        }
    }
}
