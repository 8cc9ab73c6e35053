//! Runs the scheduler: takes events one at a time, commits each to the journal, then performs its
//! effects. Called by `requests`, `admin` and `server`, which submit events. The only writer of run state.
//! Invariants: nothing is performed and nobody is answered before the commit; an effect that fails is tried
//! again; after a restart the pending effects run again.

use std::sync::Arc;
use std::time::Duration;

use common::clock::{Clock, SteadyClock, Timestamp};
use common::id::{Round, RunId, SiteId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::beside::{Beside, Step};
use super::crash;
use super::launch::may_wait;
use super::performer::Performer;
use super::presence::Presence;
use super::queue;
use super::runs::Runs;
use super::transition::{Row, Transition, absent, chosen, transition, waited_for};
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::limits::{DRIVER_QUEUE_EVENTS_MAX, DRIVER_WAIT_MS_MAX, JOURNAL_WAIT_MS_MIN};
use crate::round::effect::{Admission, Effect};
use crate::round::event::Event;
use crate::round::launched::LaunchedRun;
use crate::round::missing::Absence;
use crate::round::scheduler;
use crate::round::state::RunState;
use crate::store::Store;

/// What the driver needs of the world.
pub struct World {
    /// The journal.
    pub store: Arc<Store>,
    /// The states it publishes.
    pub runs: Runs,
    /// Does what effects ask.
    pub performer: Performer,
    /// Who is out of reach.
    pub presence: Arc<Presence>,
    /// The machine's time. It is read once, at the start: what it does later moves no deadline.
    pub clock: Arc<dyn Clock>,
}

/// How the rest of the program talks to the driver.
#[derive(Debug, Clone)]
pub struct Driver {
    sender: mpsc::Sender<Submission>,
    clock: SteadyClock,
    runs: Runs,
}

/// An event, and who waits for its commit.
struct Submission {
    run: RunId,
    event: Event,
    answer: Option<oneshot::Sender<Result<Option<Admission>>>>,
}

impl Driver {
    /// Starts the driver; it ends when every handle is gone. Pending effects of a run that was going
    /// start at once.
    pub fn start(world: World) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(DRIVER_QUEUE_EVENTS_MAX);
        // Time goes on where it was, even if the machine's clock was set back meanwhile.
        let clock = SteadyClock::begin(Arc::clone(&world.clock), world.runs.updated_at());
        let world = World { clock: Arc::new(clock.clone()), ..world };
        (Self { sender, clock, runs: world.runs.clone() }, tokio::spawn(run(world, receiver)))
    }

    /// The time by which runs go: it does not jump.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Starts a run.
    ///
    /// # Errors
    /// Another run is going, or as [`Self::submit`].
    pub async fn launch(&self, launched: LaunchedRun) -> Result<()> {
        if self.runs.active().is_none() {
            // Nothing runs by it now: what the machine's clock was set to meanwhile counts.
            self.clock.begin_anew(self.runs.updated_at());
        }
        self.submit(launched.run, Event::Launched { launched: Box::new(launched) }).await.map(|_| ())
    }

    /// Reports an event and waits until it is committed and answered.
    ///
    /// # Errors
    /// There is no such run, the event cannot be committed, or the driver has ended.
    pub async fn submit(&self, run: RunId, event: Event) -> Result<Option<Admission>> {
        let (sender, receiver) = oneshot::channel();
        let gone = |_| Error::Internal("the round driver has ended".into());
        self.sender
            .send(Submission { run, event, answer: Some(sender) })
            .await
            .map_err(|error| gone(error.to_string()))?;
        receiver.await.map_err(|error| gone(error.to_string()))?
    }
}

async fn run(world: World, mut submissions: mpsc::Receiver<Submission>) {
    let (mut effects, mut beside) = (JoinSet::new(), Beside::default());
    // After a tick that could not be committed: not again at once.
    let mut least_ms = 0;
    // The first look comes after what we were told of sites while we were down (`catch_up`).
    let wait = Duration::from_millis(DRIVER_WAIT_MS_MAX);
    let mut look = tokio::time::interval_at(Instant::now() + wait, wait);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    if let Some(state) = world.runs.active() {
        resume(&world, &state, &mut effects).await;
    }
    beside.start_next(&world.runs, &world.performer);
    loop {
        if !begin_next(&world, &beside, &mut effects).await {
            least_ms = JOURNAL_WAIT_MS_MIN;
        }
        let deadline = world.runs.active().and_then(|state| state.next_deadline());
        let wait_ms =
            deadline.map_or(DRIVER_WAIT_MS_MAX, |at| at.since_ms(world.clock.now()).min(DRIVER_WAIT_MS_MAX));
        let wait_ms = wait_ms.max(least_ms);
        tokio::select! {
            submission = submissions.recv() => match submission {
                Some(submission) => {
                    let result = handle(&world, submission.run, submission.event, &mut effects).await;
                    if let Some(answer) = submission.answer {
                        // The asker may have gone away; the event is committed all the same.
                        let _ = answer.send(result);
                    }
                }
                None => break,
            },
            Some(done) = effects.join_next(), if !effects.is_empty() => {
                match (done, world.runs.active()) {
                    (Ok(Some((run, event))), _) => complete(&world, run, event, &mut effects).await,
                    (Ok(None), _) | (Err(_), None) => {}
                    // A panic in an effect would come again: the run ends and says so.
                    (Err(error), Some(state)) => {
                        let event = Event::EffectFailed { reason: format!("an effect failed: {error}") };
                        complete(&world, state.launched.run, event, &mut effects).await;
                    }
                }
                // It may have been a publication.
                beside.start_next(&world.runs, &world.performer);
            }
            Some((run, step)) = beside.ended(), if !beside.is_idle() => {
                go_on(&world, &mut beside, run, step, &mut effects).await;
            }
            () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {
                if let (Some(state), true) = (world.runs.active(), deadline.is_some()) {
                    let taken = offer(&world, state.launched.run, Event::Tick, &mut effects).await;
                    least_ms = if taken { 0 } else { JOURNAL_WAIT_MS_MIN };
                }
            }
            _ = look.tick() => {
                note_absent(&world, &mut effects).await;
                // A run may have been prepared and not launched.
                beside.start_next(&world.runs, &world.performer);
            }
        }
    }
}

/// What follows from a step beside the runs. A model is asked while no run is going and none is being
/// prepared, and after it is journalled that this begins: otherwise the turn is given back.
async fn go_on(world: &World, beside: &mut Beside, run: RunId, step: Step, effects: &mut Effects) {
    match step {
        Step::Found(event) => match handle(world, run, event.clone(), effects).await {
            Ok(_) => {
                if let Event::SuiteMeasured { suite, .. } = event {
                    world.performer.forget_answers(run, suite).await;
                }
                beside.start_next(&world.runs, &world.performer);
            }
            Err(error) => {
                tracing::error!(%run, %error, event = event.kind(), "cannot commit; trying again");
                beside.keep(event);
            }
        },
        Step::Turn(turn, what) if world.runs.are_idle() => {
            let taken = offer(world, run, Event::MeasurementBegun { what }, effects).await;
            if let Some(state) = world.runs.find(run).filter(|_| taken) {
                beside.ask(state, what, turn, &world.performer);
            }
        }
        // The next look begins again.
        Step::Turn(..) => {}
        Step::Again => beside.start_next(&world.runs, &world.performer),
    }
}

/// The next run in the queue begins, once it may. Returns whether it could, or has to wait for its turn.
async fn begin_next(world: &World, beside: &Beside, effects: &mut Effects) -> bool {
    let now = world.clock.now();
    let next = world.runs.next_queued().and_then(|run| world.runs.find(run));
    let may_begin = |_: &Arc<RunState>| {
        world.runs.are_idle() && beside.is_done(&world.runs) && queue::is_time(&world.runs, now)
    };
    let Some(state) = next.filter(may_begin) else { return true };
    let run = state.launched.run;
    match queue::leaves(&world.store, &world.runs, world.performer.folder(), state, now).await {
        Ok((event, news)) => {
            let taken = offer(world, run, event, effects).await;
            for event in news.into_iter().filter(|_| taken) {
                complete(world, run, event, effects).await;
            }
            taken
        }
        Err(error) => {
            tracing::error!(%run, %error, "cannot begin the next run; trying again");
            false
        }
    }
}

type Effects = JoinSet<Option<(RunId, Event)>>;

async fn resume(world: &World, state: &RunState, effects: &mut Effects) {
    let run = state.launched.run;
    tracing::info!(%run, phase = state.phase.word(), "continuing the run");
    complete(world, run, Event::Restarted, effects).await;
    if let Some(state) = world.runs.find(run) {
        perform(world, &state, scheduler::pending(&state), effects);
    }
}

/// Sees who is there, also between rounds. Once a quorum is in, nobody waits for who is out of reach.
async fn note_absent(world: &World, effects: &mut Effects) {
    let Some(state) = world.runs.active() else {
        world.presence.look(&[], world.clock.now());
        return;
    };
    let now = world.clock.now();
    let missing = world.presence.look(&state.launched.sites, now);
    let Some((_, waited)) = waited_for(&state) else { return };
    if !waited.iter().all(|site| missing.contains_key(*site)) {
        return;
    }
    let store = Arc::clone(&world.store);
    let rows = match blocking(move || Ok(store.sites()?)).await {
        Ok(rows) => rows,
        Err(error) => return tracing::error!(%error, "cannot see who was ever there"),
    };
    let was_there = |site: &SiteId| rows.iter().any(|row| &row.name == site && row.seen_at.is_some());
    let absence = |site: &SiteId| match missing.get(site) {
        Some(_) if !was_there(site) => Some(Absence::NeverConnected),
        Some(since) if world.presence.is_offline(*since, now) => Some(Absence::Offline),
        _ => None,
    };
    if let Some(event) = absent(&state, absence) {
        offer(world, state.launched.run, event, effects).await;
    }
}

/// Feeds an event that comes again by itself: what cannot be committed now is not kept. Returns whether it
/// was taken.
async fn offer(world: &World, run: RunId, event: Event, effects: &mut Effects) -> bool {
    let result = handle(world, run, event, effects).await;
    if let Err(error) = &result {
        tracing::error!(%run, %error, "cannot commit; the next look tries again");
    }
    result.is_ok()
}

/// Feeds an event that nobody waits for. What cannot be committed now (a full disk) comes back later.
async fn complete(world: &World, run: RunId, event: Event, effects: &mut Effects) {
    if let Err(error) = handle(world, run, event.clone(), effects).await {
        tracing::error!(%run, %error, event = event.kind(), "cannot commit; trying again");
        effects.spawn(async move {
            tokio::time::sleep(Duration::from_millis(JOURNAL_WAIT_MS_MIN)).await;
            Some((run, event))
        });
    }
}

/// One step: pure transition, commit, effects. Returns how an update was answered.
async fn handle(world: &World, run: RunId, event: Event, effects: &mut Effects) -> Result<Option<Admission>> {
    let now = world.clock.now();
    let before = world.runs.find(run);
    if let (Event::Launched { launched }, None) = (&event, &before)
        && launched.queued.is_some()
    {
        // Others may have been queued while it was prepared.
        may_wait(world.runs.queued())?;
    }
    let other = world.runs.active().map(|active| active.launched.run).filter(|active| *active != run);
    let step = transition(before.as_deref(), other, run, &event, now)?;
    let admission = step.admission();
    let Transition { next, asked, row } = step;
    if let Some(Row { round, kind, at, body }) = row {
        crash::before_journal(&event);
        let store = Arc::clone(&world.store);
        let append = move || {
            let seq = store.append(run, round, kind, at, &body)?;
            store.keep_reserve();
            Ok(seq)
        };
        let seq = blocking(append).await?;
        crash::after_journal(&event);
        tracing::info!(%run, %round, seq, event = kind, phase = next.phase.word(), "journalled");
        name_missing(before.as_deref(), &next);
        world.runs.publish(next.clone());
    }
    perform(world, &next, asked, effects);
    Ok(admission)
}

/// Says in the log who does not count in a round that has just ended.
fn name_missing(before: Option<&RunState>, next: &RunState) {
    let known = before.and_then(RunState::current).map(|record| (record.round, &record.missing));
    let ended = next.current().filter(|record| known != Some((record.round, &record.missing)));
    for (site, why) in ended.iter().flat_map(|record| &record.missing) {
        let round = next.current().map_or(Round(0), |record| record.round);
        tracing::warn!(run = %next.launched.run, %round, %site, "does not count: {why}");
    }
}

fn perform(world: &World, state: &RunState, asked: Vec<Effect>, effects: &mut Effects) {
    for effect in asked {
        let (performer, state) = (world.performer.clone(), state.clone());
        let run = state.launched.run;
        if let Effect::ChooseSites { .. } = effect {
            let event = choice(world, &state);
            effects.spawn(async move { event.map(|event| (run, event)) });
            continue;
        }
        effects.spawn(async move { performer.perform(&state, effect).await.map(|event| (run, event)) });
    }
}

/// Who trains the round, as far as we know who is out of reach.
fn choice(world: &World, state: &RunState) -> Option<Event> {
    let now = world.clock.now();
    let missing = world.presence.look(&state.launched.sites, now);
    let is_away =
        |site: &SiteId| missing.get(site).is_some_and(|since| world.presence.is_offline(*since, now));
    let event = chosen(state, is_away)?;
    if let Event::SitesChosen { round, sites, passed_over } = &event {
        let (run, all) = (state.launched.run, state.launched.sites.len());
        tracing::info!(%run, %round, chosen = sites.len(), passed_over = passed_over.len(), all, "sites are chosen for the round");
    }
    Some(event)
}

#[cfg(test)]
mod tests;
