//! The driver's loop: one event at a time, committed before anybody hears of it; who is out of reach;
//! deadlines. Modelled after `execution::driver`, around its pure parts.

use std::collections::BTreeSet;

use common::id::{RunId, SiteId};
use common::wire::message::{Refusal, Response, Work};
use coordinator::execution::presence;
use coordinator::execution::transition::{Transition, absent, chosen, transition, waited_for};
use coordinator::limits::{JOURNAL_WAIT_MS_MIN, OFFLINE_MS_MIN};
use coordinator::requests::rules;
use coordinator::round::effect::Admission;
use coordinator::round::event::Event;
use coordinator::round::missing::Absence;
use coordinator::round::state::RunState;

use super::{Coordinator, members};
use crate::context::{Asker, Context, Happening, Submission, Waiter};
use crate::mutant::Mutant;

impl Coordinator {
    /// Puts an event into the driver's queue.
    pub(super) fn submit(&mut self, context: &mut Context, run: RunId, event: Event, waiter: Waiter) {
        let wait_ms = self.dice.between(0, 20);
        let life = self.life;
        let Some(up) = &mut self.up else { return };
        up.free_at = up.free_at.max(context.now) + wait_ms;
        let submission = Box::new(Submission { run, event, waiter });
        context.agenda.plan(up.free_at, Happening::Driven { life, submission });
    }

    /// One step: pure transition, commit, answer, effects.
    pub(crate) fn handle(&mut self, context: &mut Context, submission: Submission) {
        let Submission { run, event, waiter } = submission;
        let now = self.now(context);
        let before = self.find(run);
        let other = self.active().map(|state| state.launched.run).filter(|active| *active != run);
        let Ok(step) = transition(before.as_deref(), other, run, &event, now) else {
            return self.answer_waiter(context, &waiter, Err(Refusal::Internal));
        };
        let admission = step.admission();
        let Transition { next, asked, row } = step;
        if let Some(row) = row {
            if self.dies_at_row == Some(false) {
                self.dies_at_row = None;
                return self.kill(context, self.down_ms);
            }
            if self.disk.is_full {
                return self.not_committed(context, Submission { run, event, waiter });
            }
            let is_lost = context.mutant == Mutant::ReceiptBeforeJournal && row.kind == "update_stored";
            let Some(up) = &self.up else { return };
            if !is_lost {
                up.store.append(run, row.round, row.kind, row.at, &row.body).unwrap();
                context.truth.journalled(run, &row, &next, context.now);
            }
            context.trace(&row.body);
            context.say(|| {
                format!(
                    "journal: {} -> {}",
                    row.body.chars().take(120).collect::<String>(),
                    next.phase.word()
                )
            });
            if self.dies_at_row == Some(true) {
                self.dies_at_row = None;
                return self.kill(context, self.down_ms);
            }
            if let Some(up) = &self.up {
                up.runs.publish(next.clone());
            }
            self.wake(context);
        }
        self.answer_waiter(context, &waiter, Ok(admission));
        self.perform(context, &next, asked);
        if let (Event::AggregationErrorFound { .. }, Some(up)) = (&event, &mut self.up) {
            up.is_beside = false;
        }
        if matches!(event, Event::RoundPublished { .. } | Event::AggregationErrorFound { .. }) {
            self.start_next_beside(context);
        }
    }

    /// The disk is full: our own work comes again, who asked is told.
    fn not_committed(&mut self, context: &mut Context, submission: Submission) {
        if matches!(submission.waiter, Waiter::Ourselves) {
            let life = self.life;
            let happening = Happening::Driven { life, submission: Box::new(submission) };
            return context.after(JOURNAL_WAIT_MS_MIN, happening);
        }
        self.answer_waiter(context, &submission.waiter, Err(Refusal::StorageFull));
    }

    fn answer_waiter(
        &mut self,
        context: &mut Context,
        waiter: &Waiter,
        result: Result<Option<Admission>, Refusal>,
    ) {
        match (waiter.clone(), result) {
            (Waiter::Nobody | Waiter::Ourselves, _) | (Waiter::Operator(_), Err(_)) => {}
            (Waiter::Operator(site), Ok(_)) => {
                let name = context.plan.sites[site].clone();
                context.truth.revoked(&name);
            }
            (Waiter::Noted(asker), Ok(_)) => self.answer(context, asker, Ok(Response::Noted)),
            (Waiter::Refused { asker, refusal }, Ok(_)) => self.answer(context, asker, Err(refusal)),
            (Waiter::Receipt { asker, key, offer }, Ok(admission)) => match rules::receipted(admission) {
                Ok(()) => self.receipt(context, asker, key, offer),
                Err(refusal) => self.answer(context, asker, Err(refusal)),
            },
            (
                Waiter::Noted(asker) | Waiter::Refused { asker, .. } | Waiter::Receipt { asker, .. },
                Err(refusal),
            ) => self.answer(context, asker, Err(refusal)),
        }
    }

    /// Something changed: polls that wait are answered if there is something to do.
    fn wake(&mut self, context: &mut Context) {
        let Some(up) = &mut self.up else { return };
        let waiting = std::mem::take(&mut up.polls);
        for (asker, site) in waiting {
            match self.work(context, &site) {
                Some(work) => self.answer(context, asker, Ok(Response::Work(work))),
                None => {
                    if let Some(up) = &mut self.up {
                        up.polls.push((asker, site));
                    }
                }
            }
        }
    }

    pub(super) fn work(&self, context: &Context, site: &SiteId) -> Option<Work> {
        let up = self.up.as_ref()?;
        let now = self.now(context);
        let ended = || up.runs.finished_for(site, now);
        let work = rules::work(up.runs.active().as_deref(), ended, site, &up.told, now);
        let is_idle = context.mutant == Mutant::HandsOutNothing && context.is_healed;
        work.filter(|work| !(is_idle && matches!(work, Work::Train { .. })))
    }

    /// A poll has waited long enough.
    pub(crate) fn poll_ends(&mut self, context: &mut Context, asker: Asker) {
        let Some(up) = &mut self.up else { return };
        let Some(at) = up.polls.iter().position(|(waiting, _)| *waiting == asker) else { return };
        let (asker, site) = up.polls.swap_remove(at);
        let active = up.runs.active();
        let work = active.and_then(|state| rules::proposal(&state, &site)).unwrap_or(Work::Nothing);
        self.answer(context, asker, Ok(Response::Work(work)));
    }

    /// Once a second: whether a deadline has passed, and who is there.
    pub(crate) fn look(&mut self, context: &mut Context) {
        let life = self.life;
        context.after(1_000, Happening::Look { life });
        let Some(state) = self.active() else { return };
        let (run, now) = (state.launched.run, self.now(context));
        let is_due = state.next_deadline().is_some_and(|deadline| now >= deadline);
        if is_due && context.mutant != Mutant::ForgetsDeadlines {
            self.handle(context, Submission { run, event: Event::Tick, waiter: Waiter::Nobody });
        }
        self.note_absent(context);
    }

    /// Who trains the round, of what the driver knows at this moment of who is out of reach.
    pub(super) fn choose(&mut self, context: &mut Context, state: &RunState) {
        let (run, now, connected) = (state.launched.run, self.now(context), connected(context));
        let Some(up) = &mut self.up else { return };
        let missing = presence::missing(&mut up.last_seen, &connected, &state.launched.sites, now);
        let is_away =
            |site: &SiteId| missing.get(site).is_some_and(|since| now.since_ms(*since) >= OFFLINE_MS_MIN);
        let Some(mut event) = chosen(state, is_away) else { return };
        if let (Mutant::PassesOverWhoIsThere, Event::SitesChosen { sites, .. }) = (context.mutant, &event) {
            let first = sites.first().cloned();
            let others = chosen(state, |site| is_away(site) || Some(site) == first.as_ref());
            event = others.unwrap_or(event);
        }
        if let (Mutant::AlwaysTheFirst, Event::SitesChosen { sites, passed_over, .. }) =
            (context.mutant, &mut event)
        {
            passed_over.clear();
            *sites = state.launched.sites.iter().take(sites.len()).cloned().collect();
        }
        context.truth.chooses(state, &event, &connected);
        self.submit(context, run, event, Waiter::Ourselves);
    }

    fn note_absent(&mut self, context: &mut Context) {
        let Some(state) = self.active() else { return };
        let (run, now) = (state.launched.run, self.now(context));
        let connected = connected(context);
        let Some(up) = &mut self.up else { return };
        let missing = presence::missing(&mut up.last_seen, &connected, &state.launched.sites, now);
        let Some((_, waited)) = waited_for(&state) else { return };
        if !waited.iter().all(|site| missing.contains_key(*site)) {
            return;
        }
        let rows = members::standing(&up.store);
        let was_there = |site: &SiteId| rows.iter().any(|(row, seen)| row.site == *site && *seen);
        let absence = |site: &SiteId| match missing.get(site) {
            Some(_) if !was_there(site) => Some(Absence::NeverConnected),
            Some(since) if now.since_ms(*since) >= OFFLINE_MS_MIN => Some(Absence::Offline),
            _ => None,
        };
        if let Some(event) = absent(&state, absence) {
            self.handle(context, Submission { run, event, waiter: Waiter::Nobody });
        }
    }
}

/// Sites that have a connection now.
fn connected(context: &Context) -> BTreeSet<SiteId> {
    (0..context.plan.sites.len())
        .filter(|site| context.truth.is_connected(*site) && !context.network.is_cut(*site))
        .map(|site| context.plan.sites[site].clone())
        .collect()
}
