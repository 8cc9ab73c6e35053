//! To whom each thing happens, what a pause holds up, and what a fault does when it begins and when it ends.

use coordinator::round::event::Event;
use site_agent::gateway::store::consent::Choice;

use super::World;
use crate::context::Happening;
use crate::faults::{Fault, FaultKind};

impl World {
    pub(super) fn happens(&mut self, happening: Happening) {
        let Some(happening) = self.held_up(happening) else { return };
        let Self { context, coordinator, sites, .. } = self;
        let is_life = |life: u32| coordinator.is_up() && coordinator.life() == life;
        match happening {
            Happening::ToCoordinator(packet) => coordinator.receive(context, packet),
            Happening::Driven { life, submission } if is_life(life) => {
                coordinator.handle(context, *submission)
            }
            Happening::Performed { life, run, effect } if is_life(life) => {
                coordinator.performed(context, run, *effect);
            }
            Happening::PollEnds { life, asker } if is_life(life) => coordinator.poll_ends(context, asker),
            Happening::Look { life } if is_life(life) => coordinator.look(context),
            Happening::Driven { .. }
            | Happening::Performed { .. }
            | Happening::PollEnds { .. }
            | Happening::Look { .. } => {}
            Happening::CoordinatorStarts => coordinator.start(context),
            Happening::Launch(index) => coordinator.launch(context, index),
            Happening::ToSite(packet) => sites[packet.asker.site].receive(context, packet),
            Happening::SiteGoes { site, ticket } => sites[site].goes(context, ticket),
            Happening::WorkerSays { site, ticket, word } => sites[site].worker_says(context, ticket, word),
            Happening::WorkerStarts(site) => sites[site].worker_starts(context),
            Happening::SiteStarts(site) => sites[site].start(context),
            Happening::Person { site, run, manifest } => {
                let is_yes = context.is_healed || self.dice.in_thousand(930);
                let choice = if is_yes { Choice::Approved } else { Choice::Declined };
                sites[site].decide(context, run, manifest, choice);
            }
            Happening::Fault(index) => self.fault(index),
            Happening::FaultEnds(index) => self.fault_ends(index),
            Happening::Heal => self.heal(),
        }
    }

    /// What happens to a process that is stopped happens when it goes on.
    fn held_up(&mut self, happening: Happening) -> Option<Happening> {
        let until = match &happening {
            Happening::ToCoordinator(_)
            | Happening::Driven { .. }
            | Happening::Performed { .. }
            | Happening::PollEnds { .. }
            | Happening::Look { .. } => self.coordinator.paused_until,
            Happening::ToSite(packet) => self.sites[packet.asker.site].paused_until,
            Happening::SiteGoes { site, .. } | Happening::WorkerSays { site, .. } => {
                self.sites[*site].paused_until
            }
            _ => 0,
        };
        if until <= self.context.now {
            return Some(happening);
        }
        self.context.agenda.plan(until, happening);
        None
    }

    fn fault(&mut self, index: usize) {
        if self.context.is_healed {
            return;
        }
        let Fault { lasts, kind, .. } = self.context.plan.faults[index].clone();
        // A command waits for a coordinator that is stopped.
        if kind.is_command() && self.coordinator.paused_until > self.context.now {
            return self.context.agenda.plan(self.coordinator.paused_until, Happening::Fault(index));
        }
        self.context.say(|| format!("fault {index}: {kind:?} for {lasts} ms"));
        self.context.trace(index);
        self.context.after(lasts, Happening::FaultEnds(index));
        let until = self.context.now + lasts;
        let Self { context, coordinator, sites, .. } = self;
        match kind {
            FaultKind::KillCoordinator => coordinator.kill(context, lasts),
            FaultKind::KillAtJournal { after } => {
                (coordinator.dies_at_row, coordinator.down_ms) = (Some(after), lasts);
            }
            FaultKind::PowerCut => coordinator.power_cut(context, lasts),
            FaultKind::KillSite(site) => sites[site].kill(context, lasts),
            FaultKind::KillWorker(site) => sites[site].kill_worker(context),
            FaultKind::PauseCoordinator => coordinator.paused_until = until,
            FaultKind::PauseSite(site) => sites[site].paused_until = until,
            FaultKind::Partition { first, count } => context.network.cut(first, count, true),
            FaultKind::BadNetwork { lost, doubled, slow_ms } => {
                let network = &mut context.network;
                (network.lost, network.doubled, network.slow_ms) = (lost, doubled, slow_ms);
            }
            FaultKind::StepClockOfCoordinator { ms } => coordinator.step_clock(ms),
            FaultKind::StepClockOfSite { site, ms } => sites[site].step_clock(ms),
            FaultKind::DiskFullAtCoordinator => coordinator.disk.is_full = true,
            FaultKind::DiskFullAtSite(site) => sites[site].is_disk_full = true,
            FaultKind::TornWrite => coordinator.disk.tears = true,
            FaultKind::Prune => coordinator.prune(),
            FaultKind::Revoke(site) => coordinator.revoke(context, site),
            FaultKind::Exclude(site) => {
                let site = context.plan.sites[site].clone();
                coordinator.command(context, Event::SiteExcluded { site });
            }
            FaultKind::Hold(site) => coordinator.hold(context, site, true),
            FaultKind::Stop => coordinator.stop(context),
            FaultKind::Extend { ms } => coordinator.extend(context, ms),
            FaultKind::Withdraw(site) => sites[site].leave(context, Choice::Withdrawn),
            FaultKind::Decline(site) => sites[site].leave(context, Choice::Declined),
            FaultKind::Rude { site, how } => {
                let others = sites[(site + 1) % sites.len()].an_update();
                sites[site].be_rude(context, how, others);
            }
        }
    }

    /// Also at the time of healing, of those that last.
    pub(super) fn fault_ends(&mut self, index: usize) {
        if self.context.is_healed {
            return;
        }
        let kind = self.context.plan.faults[index].kind.clone();
        if kind.is_command() && self.coordinator.paused_until > self.context.now {
            return self.context.agenda.plan(self.coordinator.paused_until, Happening::FaultEnds(index));
        }
        let Self { context, coordinator, sites, .. } = self;
        match kind {
            FaultKind::Partition { first, count } => context.network.cut(first, count, false),
            FaultKind::BadNetwork { .. } => {
                let network = &mut context.network;
                (network.lost, network.doubled, network.slow_ms) = (0, 0, 0);
            }
            FaultKind::DiskFullAtCoordinator => coordinator.disk.is_full = false,
            FaultKind::DiskFullAtSite(site) => sites[site].is_disk_full = false,
            FaultKind::Exclude(site) => {
                let site = context.plan.sites[site].clone();
                coordinator.command(context, Event::SiteIncluded { site });
            }
            FaultKind::Hold(site) => coordinator.hold(context, site, false),
            _ => {}
        }
    }
}
