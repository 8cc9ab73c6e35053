//! Runs the scheduler: takes events one at a time, commits each to the journal, then performs its
//! effects. The only writer of run state. Invariants: nothing is performed and nobody is answered before
//! the commit; an effect that fails is tried again; after a restart the pending effects run again.

use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::id::{Round, RunId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::effect::{Effect, Verdict};
use super::event::Event;
use super::scheduler;
use super::state::{Plan, RunState};
use crate::crash;
use crate::error::{Error, Result};
use crate::performer::Performer;
use crate::runs::Runs;
use crate::store::{Store, StoreError};

/// What the driver needs of the world.
pub struct World {
    /// The journal.
    pub store: Arc<Store>,
    /// The states it publishes.
    pub runs: Runs,
    /// Does what effects ask.
    pub performer: Performer,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// How the rest of the program talks to the driver.
#[derive(Debug, Clone)]
pub struct Driver(mpsc::Sender<Command>);

struct Command {
    run: RunId,
    event: Event,
    answer: Option<oneshot::Sender<Result<Option<Verdict>>>>,
}

impl Driver {
    /// Starts the driver; it ends when every handle is gone. Pending effects of a run that was going
    /// start at once.
    pub fn start(world: World) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
        (Self(sender), tokio::spawn(run(world, receiver)))
    }

    /// Starts a run.
    pub async fn launch(&self, plan: Plan) -> Result<()> {
        self.submit(plan.run, Event::Launched { plan: Box::new(plan) }).await.map(|_| ())
    }

    /// Reports an event and waits until it is committed and answered.
    pub async fn submit(&self, run: RunId, event: Event) -> Result<Option<Verdict>> {
        let (sender, receiver) = oneshot::channel();
        let gone = |_| Error::Internal("the round driver has ended".into());
        self.0
            .send(Command { run, event, answer: Some(sender) })
            .await
            .map_err(|error| gone(error.to_string()))?;
        receiver.await.map_err(|error| gone(error.to_string()))?
    }
}

async fn run(world: World, mut commands: mpsc::Receiver<Command>) {
    let mut effects = JoinSet::new();
    if let Some(state) = world.runs.active() {
        resume(&world, &state, &mut effects).await;
    }
    loop {
        let deadline = world.runs.active().and_then(|state| state.next_deadline());
        let wait_ms = deadline.map_or(IDLE_WAIT_MS, |at| at.since_ms(world.clock.now()).min(IDLE_WAIT_MS));
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => {
                    let result = handle(&world, command.run, command.event, &mut effects).await;
                    if let Some(answer) = command.answer {
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
                        let event = Event::Broken { reason: format!("an effect failed: {error}") };
                        complete(&world, state.plan.run, event, &mut effects).await;
                    }
                }
            }
            () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {
                if let (Some(state), true) = (world.runs.active(), deadline.is_some()) {
                    complete(&world, state.plan.run, Event::Tick, &mut effects).await;
                }
            }
        }
    }
}

type Effects = JoinSet<Option<(RunId, Event)>>;

async fn resume(world: &World, state: &RunState, effects: &mut Effects) {
    let run = state.plan.run;
    tracing::info!(%run, phase = ?state.phase, "continuing the run");
    complete(world, run, Event::Restarted, effects).await;
    if let Some(state) = world.runs.find(run) {
        perform(world, &state, scheduler::pending(&state), effects);
    }
}

/// Feeds an event that nobody waits for. What cannot be committed now (a full disk) comes back later.
async fn complete(world: &World, run: RunId, event: Event, effects: &mut Effects) {
    if let Err(error) = handle(world, run, event.clone(), effects).await {
        tracing::error!(%run, %error, event = event.kind(), "cannot commit; trying again");
        effects.spawn(async move {
            tokio::time::sleep(Duration::from_millis(RETRY_WAIT_MS)).await;
            Some((run, event))
        });
    }
}

/// One step: pure transition, commit, effects. Returns the verdict for an update.
async fn handle(world: &World, run: RunId, event: Event, effects: &mut Effects) -> Result<Option<Verdict>> {
    let now = world.clock.now();
    let body = serde_json::to_string(&event).map_err(|error| Error::Internal(error.to_string()))?;
    // What is applied is what is read back, so that replay gives the same bits even of a float.
    let event: Event = serde_json::from_str(&body).map_err(|error| Error::Internal(error.to_string()))?;
    let before = world.runs.find(run);
    let (next, asked) = match (&event, &before) {
        (Event::Launched { plan }, None) => match world.runs.active() {
            Some(active) => return Err(Error::RunInProgress(active.plan.run.to_string())),
            None => scheduler::launch(plan.as_ref().clone(), now),
        },
        (_, Some(state)) => scheduler::step(state.as_ref().clone(), &event, now),
        (_, None) => return Err(Error::UnknownRun(run.to_string())),
    };
    if before.as_deref() != Some(&next) {
        crash::before_journal(&event);
        let round = next.current().map_or(Round(0), |record| record.round);
        let (store, kind, at) = (Arc::clone(&world.store), event.kind(), next.updated_at);
        let appended = tokio::task::spawn_blocking(move || store.append(run, round, kind, at, &body)).await;
        let seq = appended.map_err(|error| StoreError::Corrupt(error.to_string()))??;
        crash::after_journal(&event);
        tracing::info!(%run, %round, seq, event = kind, phase = ?next.phase, "journalled");
        world.runs.publish(next.clone());
    }
    let verdict = asked.iter().find_map(|effect| match effect {
        Effect::Answer(verdict) => Some(*verdict),
        _ => None,
    });
    perform(world, &next, asked, effects);
    Ok(verdict)
}

fn perform(world: &World, state: &RunState, asked: Vec<Effect>, effects: &mut Effects) {
    for effect in asked {
        let (performer, state) = (world.performer.clone(), state.clone());
        effects.spawn(async move {
            let run = state.plan.run;
            performer.perform(&state, effect).await.map(|event| (run, event))
        });
    }
}

/// Events waiting for the driver; a site's request waits when it is full.
const COMMANDS_MAX: usize = 256;
/// The driver looks at the clock at least this often.
const IDLE_WAIT_MS: u64 = 1_000;
/// Between two attempts to commit.
const RETRY_WAIT_MS: u64 = 2_000;

#[cfg(test)]
mod tests;
