//! The gateway's loop: events into the state machine, its effects performed one after the other. Modelled
//! after `gateway::agent_loop`.

use common::id::Digest;
use common::limits::POLL_WAIT_MS_MAX;
use common::wire::message::{Request, RoundKey};
use common::wire::numbers::RoundedCount;
use site_agent::gateway::consent::Consent;
use site_agent::gateway::known::Memory;
use site_agent::gateway::state::{Assignment, Effect, Event, Known, Phase, Proposal};
use site_agent::gateway::store::consent::Choice;
use site_agent::limits::ROUND_STARTS_MAX;

use super::{AfterTelling, Site, Then, Waiting};
use crate::agenda::Ms;
use crate::context::{Context, Happening, Word};

impl Site {
    /// Goes on until there is something to wait for.
    pub(super) fn pump(&mut self, context: &mut Context) {
        while let Some(process) = &mut self.process {
            if !matches!(process.waiting, Waiting::Nothing) {
                return;
            }
            if let Some(effect) = process.effects.pop_front() {
                self.perform(context, effect);
                continue;
            }
            let Some(event) = process.events.pop_front().or_else(|| process.worker.pop_front()) else {
                process.waiting = Waiting::Worker;
                return;
            };
            let (agent, effects) = process.agent.step(event);
            process.agent = agent;
            process.effects.extend(effects);
            let index = self.index;
            context.say(|| format!("site {index}: {event:?} -> {:?}", agent.phase));
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        if let Some(process) = &mut self.process {
            process.events.push_back(event);
        }
    }

    pub(super) fn rest(&mut self, context: &mut Context, wait_ms: Ms, then: Then) {
        self.ticket += 1;
        let Some(process) = &mut self.process else { return };
        process.waiting = Waiting::Timer(then);
        context.after(wait_ms, Happening::SiteGoes { site: self.index, ticket: self.ticket });
    }

    fn perform(&mut self, context: &mut Context, effect: Effect) {
        match effect {
            Effect::Poll => {
                let Some(process) = &mut self.process else { return };
                let wait_ms = process.pace.before_poll(context.now - process.began);
                self.rest(context, wait_ms, Then::Poll);
            }
            Effect::Pause => {
                let Some(process) = &mut self.process else { return };
                let wait_ms = process.pace.pause_ms();
                self.rest(context, wait_ms, Then::GoOn);
            }
            Effect::Consider(proposal) => self.consider(context, proposal, AfterTelling::NothingToDo),
            Effect::Fetch(assignment) => self.fetch(context, assignment),
            Effect::Prepare(_) => self.order(context, Word::Prepared),
            Effect::SendReady { key, base_fingerprint, records } => {
                let records = RoundedCount::of(self.store.ready_records(key, records).unwrap());
                self.ask(context, Request::Ready { key, base_fingerprint, records }, vec![], Then::SaidReady);
            }
            Effect::Train(_) => self.order(context, Word::Trained),
            // Nobody here has hours; whoever had would stop as for a round that is over.
            Effect::Abandon(_) | Effect::Suspend(_) => self.job += 1,
            Effect::Protect { assignment, .. } => self.protect(context, assignment),
            Effect::Send(key) => self.send(context, key),
            Effect::Report { key, reason } => {
                self.store.record_given_up(key, reason).unwrap();
                self.ask(context, Request::Failed { key, reason }, vec![], Then::Reported(key));
            }
            Effect::Declined { key, .. } => self.store.record_declined(key).unwrap(),
            Effect::Forget(run, _) => self.forget(run),
            // No run here asks.
            Effect::FetchResult(_) | Effect::Measure(_) | Effect::Say { .. } => {}
            Effect::Compare { .. } => {}
        }
    }

    pub(super) fn forget(&mut self, run: common::id::RunId) {
        self.store.end_run(run).unwrap();
        for update in self.store.updates().unwrap().iter().filter(|update| update.key.run == run) {
            self.outbox.remove(&update.digest);
        }
    }

    /// How far this site is with a round.
    pub(super) fn known(&mut self, key: RoundKey) -> Known {
        let update = self.store.update(key).unwrap();
        let (failures, given_up) = self.store.attempts(key).unwrap();
        let known = Memory {
            update: update.map(|update| self.outbox.contains_key(&update.digest)),
            is_over: self.store.is_over(key.run).unwrap(),
            failures,
            given_up,
            is_told: self.process.as_ref().is_some_and(|process| process.told.contains(&key)),
        }
        .known();
        if let (Known::Over, Some(process)) = (known, &mut self.process) {
            process.pace.odd();
        }
        known
    }

    /// The poll's wait is over: decisions are told, then it is asked.
    pub(super) fn poll(&mut self, context: &mut Context) {
        if let Some(process) = &mut self.process {
            process.worker.clear();
        }
        self.tell_decisions(context, AfterTelling::Poll);
    }

    /// Tells what nobody has heard of, one decision after the other.
    pub(super) fn tell_decisions(&mut self, context: &mut Context, after: AfterTelling) {
        for decision in self.store.untold_decisions().unwrap() {
            if !decision.noted {
                self.store.decision_noted(decision.id).unwrap();
            }
            let (run, choice) = (decision.run, decision.choice);
            let is_current = self.consent(run).still_says(choice, decision.manifest);
            let is_void = choice != Choice::Withdrawn && self.store.is_over(run).unwrap();
            if !decision.told && is_current && !is_void {
                let said = super::asking::said(choice);
                let request = Request::Decide { run, manifest: decision.manifest, decision: said };
                let then = Then::Told { id: decision.id, run, choice, after };
                return self.ask(context, request, vec![], then);
            }
            self.store.decision_told(decision.id).unwrap();
        }
        self.all_told(context, after);
    }

    /// What comes after the decisions.
    pub(super) fn all_told(&mut self, context: &mut Context, after: AfterTelling) {
        match after {
            AfterTelling::Poll => {
                self.ask(context, Request::Poll { wait_ms: POLL_WAIT_MS_MAX }, vec![], Then::Polled);
            }
            AfterTelling::NothingToDo => self.event(Event::NothingToDo),
            AfterTelling::NotAgreed => self.event(Event::Hindered),
        }
    }

    pub(super) fn consider(&mut self, context: &mut Context, proposal: Proposal, after: AfterTelling) {
        if self.store.is_over(proposal.run).unwrap() {
            self.say_again_that_we_left(proposal.run);
            return self.event(Event::NothingToDo);
        }
        if self.inbox.contains(&proposal.manifest) {
            return self.considered(context, proposal, after);
        }
        let request = Request::Fetch { digest: proposal.manifest, offset: 0 };
        self.ask(context, request, vec![], Then::Considered(proposal, after));
    }

    /// The terms are here: the person is told once, and what was decided before is told again.
    pub(super) fn considered(&mut self, context: &mut Context, proposal: Proposal, after: AfterTelling) {
        let Proposal { run, manifest, .. } = proposal;
        let now_ms = self.wall_ms(context);
        if self.store.agree(run, manifest, now_ms).unwrap().manifest != manifest {
            return self.event(Event::Hindered);
        }
        match self.consent(run) {
            Consent::Open | Consent::OutsidePolicy => {
                let is_new = self.process.as_mut().is_some_and(|process| process.proposed.insert(run));
                if is_new {
                    let longest_ms = if context.is_healed { 5_000 } else { 60_000 };
                    let wait_ms = self.dice.between(500, longest_ms);
                    context.after(wait_ms, Happening::Person { site: self.index, run, manifest });
                }
            }
            Consent::Approved(_) | Consent::Withdrawn => self.store.tell_again(run).unwrap(),
            Consent::Declined => {}
        }
        self.tell_decisions(context, after);
    }

    pub(super) fn say_again_that_we_left(&mut self, run: common::id::RunId) {
        if self.consent(run) == Consent::Withdrawn {
            self.store.tell_again(run).unwrap();
        }
    }

    fn fetch(&mut self, context: &mut Context, assignment: Assignment) {
        let Assignment { key, manifest, manifest_bytes, .. } = assignment;
        self.heard = Some((key, manifest));
        if self.consent(key.run) != Consent::Approved(manifest) {
            let proposal = Proposal { run: key.run, manifest, manifest_bytes };
            return self.consider(context, proposal, AfterTelling::NotAgreed);
        }
        if self.is_disk_full {
            return self.event(Event::Hindered);
        }
        if self.store.count_start(key).unwrap() > ROUND_STARTS_MAX {
            return self.event(Event::TermsRefused);
        }
        self.fetch_file(context, manifest, Then::FetchedManifest(assignment));
    }

    pub(super) fn fetch_file(&mut self, context: &mut Context, digest: Digest, then: Then) {
        if self.inbox.contains(&digest) {
            return self.fetched(context, then);
        }
        self.ask(context, Request::Fetch { digest, offset: 0 }, vec![], then);
    }

    /// A file is in the inbox.
    pub(super) fn fetched(&mut self, context: &mut Context, then: Then) {
        match then {
            Then::FetchedManifest(assignment) => {
                let (key, now_ms) = (assignment.key, self.wall_ms(context));
                if self.store.agree(key.run, assignment.manifest, now_ms).unwrap().manifest
                    != assignment.manifest
                {
                    return self.event(Event::TermsRefused);
                }
                self.fetch_file(context, assignment.adapter, Then::FetchedAdapter);
            }
            Then::Considered(proposal, after) => self.considered(context, proposal, after),
            _ => self.event(Event::Fetched),
        }
    }

    /// Whether the run that the worker is at was agreed to and is no longer: looked at within two seconds.
    pub(super) fn look_at_consent(&mut self, context: &mut Context) {
        let Some(process) = &mut self.process else { return };
        let Waiting::Worker = process.waiting else { return };
        let (Phase::Preparing(at) | Phase::Training(at) | Phase::AwaitingWorker(at)) = process.agent.phase
        else {
            return;
        };
        if self.consent(at.key.run) != Consent::Approved(at.manifest) {
            let wait_ms = self.dice.between(1, 2_000);
            self.event(Event::Hindered);
            self.rest(context, wait_ms, Then::GoOn);
        }
    }
}
