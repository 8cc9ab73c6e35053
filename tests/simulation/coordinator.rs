//! The coordinator of the simulation. Real: the database with members, frames, journal, offers and receipts
//! (SQLite, in a folder in memory), `Runs::replay`, `transition` and with it the whole scheduler,
//! `requests::rules`, what an upload may append, `standing::news`, who is missing, the codec. Modelled, as
//! thinly as it goes: the driver's loop (`driving`), the order of steps of an upload (`answering`), files
//! (`disk`), effects (`effects`), and time: that of `SteadyClock`, over virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::clock::Timestamp;
use common::id::{RunId, SiteId};
use coordinator::execution::runs::Runs;
use coordinator::execution::standing::{self, Standing};
use coordinator::requests::told::Told;
use coordinator::round::event::Event;
use coordinator::round::scheduler;
use coordinator::round::state::RunState;
use coordinator::store::{Leaving, Store};
use tempfile::TempDir;

use super::agenda::Ms;
use super::context::{Asker, BEGIN_MS, Context, Happening, Submission, Waiter};
use super::dice::Dice;
use super::disk::Disk;
use super::mutant::Mutant;
use super::update;

mod answering;
mod driving;
mod effects;
mod members;

/// The database's name.
const DATABASE: &str = "coordinator.db";

/// The coordinator's machine: what stays, and its process while it lives.
#[derive(Debug)]
pub(crate) struct Coordinator {
    folder: TempDir,
    pub(crate) disk: Disk,
    /// How far the machine's clock is ahead.
    clock_ms: i64,
    dice: Dice,
    life: u32,
    up: Option<Process>,
    pub(crate) paused_until: Ms,
    /// Killed at the next row of the journal, before or after it.
    pub(crate) dies_at_row: Option<bool>,
    /// So long it is down after that.
    pub(crate) down_ms: Ms,
    pub(crate) manifests: Vec<Vec<u8>>,
}

/// What is gone when the process is.
#[derive(Debug)]
struct Process {
    store: Store,
    runs: Runs,
    told: Told,
    polls: Vec<(Asker, SiteId)>,
    /// What the steady clock showed when it began, and when that was.
    begun: (Timestamp, Ms),
    /// The driver takes one event after the other.
    free_at: Ms,
    last_seen: BTreeMap<SiteId, Timestamp>,
    /// Sites that have asked something of this process.
    seen: BTreeSet<usize>,
    /// An aggregation error is being computed.
    is_beside: bool,
}

impl Coordinator {
    pub(crate) fn new(context: &Context) -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let plan = &context.plan;
        let manifests: Vec<Vec<u8>> = (0..plan.runs)
            .map(|index| format!("the terms of run {}", plan.run(index)).into_bytes())
            .collect();
        let mut disk = Disk::default();
        let initial = update::adapter(&vec![0.0; plan.sites.len() + 1]);
        for bytes in manifests.iter().chain([&initial]) {
            disk.blobs.insert(common::id::Digest::of(bytes), bytes.clone());
        }
        let folder = folder.unwrap();
        std::fs::write(folder.path().join(DATABASE), members::database(folder.path(), &plan.sites)).unwrap();
        Self {
            folder,
            disk,
            clock_ms: 0,
            dice: Dice::of(plan.seed, 2),
            life: 0,
            up: None,
            paused_until: 0,
            dies_at_row: None,
            down_ms: 0,
            manifests,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.is_some()
    }

    pub(crate) fn life(&self) -> u32 {
        self.life
    }

    fn wall(&self, context: &Context) -> Timestamp {
        Timestamp((BEGIN_MS + context.now).saturating_add_signed(self.clock_ms))
    }

    pub(crate) fn step_clock(&mut self, ms: i64) {
        self.clock_ms += ms;
    }

    /// The time by which runs go.
    fn now(&self, context: &Context) -> Timestamp {
        let Some(up) = &self.up else { return self.wall(context) };
        if context.mutant == Mutant::TrustsTheWall {
            return self.wall(context);
        }
        up.begun.0.plus_ms(context.now - up.begun.1)
    }

    /// kill -9. What was committed and what was written stays.
    pub(crate) fn kill(&mut self, context: &mut Context, down_ms: Ms) {
        if self.up.take().is_some() {
            context.say(|| "coordinator killed".to_owned());
            context.trace("killed");
            self.life += 1;
            context.after(down_ms, Happening::CoordinatorStarts);
        }
    }

    pub(crate) fn power_cut(&mut self, context: &mut Context, down_ms: Ms) {
        let keeps_length = self.dice.in_thousand(500);
        self.disk.lose_power(keeps_length);
        self.kill(context, down_ms);
    }

    /// As `server::serve` does it: replay, the driver with its pending effects, what the database knows of
    /// sites, and then requests.
    pub(crate) fn start(&mut self, context: &mut Context) {
        if self.up.is_some() {
            return;
        }
        self.life += 1;
        if self.disk.is_full {
            context.after(5_000, Happening::CoordinatorStarts);
            return;
        }
        let store = self.open();
        let runs = Runs::replay(&store).unwrap();
        if context.mutant == Mutant::LosesTheFile {
            self.disk.blobs.retain(|_, bytes| update::elements(bytes).first() != Some(&1.0));
        }
        context.truth.restarted(&runs, &self.disk, context.now);
        let begun = (self.wall(context).max(runs.updated_at()), context.now);
        context.say(|| "coordinator started".to_owned());
        self.up = Some(Process {
            store,
            runs,
            told: Told::default(),
            polls: Vec::new(),
            begun,
            free_at: context.now,
            last_seen: BTreeMap::new(),
            seen: BTreeSet::new(),
            is_beside: false,
        });
        if let Some(state) = self.active() {
            let run = state.launched.run;
            self.handle(context, Submission { run, event: Event::Restarted, waiter: Waiter::Ourselves });
            if let Some(state) = self.find(run) {
                self.perform(context, &state, scheduler::pending(&state));
            }
        }
        self.start_next_beside(context);
        self.catch_up(context, &Waiter::Ourselves);
        let life = self.life;
        context.after(1_000, Happening::Look { life });
    }

    fn open(&self) -> Store {
        Store::open(&self.folder.path().join(DATABASE)).unwrap()
    }

    /// The database, of the process or, where that is down, of the command line.
    fn with_store<T>(&self, work: impl FnOnce(&Store) -> T) -> T {
        match &self.up {
            Some(up) => work(&up.store),
            None => work(&self.open()),
        }
    }

    fn active(&self) -> Option<Arc<RunState>> {
        self.up.as_ref()?.runs.active()
    }

    fn find(&self, run: RunId) -> Option<Arc<RunState>> {
        self.up.as_ref()?.runs.find(run)
    }

    /// Tells the run that is going what the table of sites knows.
    fn catch_up(&mut self, context: &mut Context, waiter: &Waiter) {
        let Some(up) = &self.up else { return };
        let rows: Vec<Standing> = members::standing(&up.store).into_iter().map(|(row, _)| row).collect();
        let revoked: Vec<SiteId> =
            rows.iter().filter(|row| row.is_revoked).map(|row| row.site.clone()).collect();
        if let Some(state) = self.active() {
            for event in standing::news(&state, rows) {
                let run = state.launched.run;
                self.handle(context, Submission { run, event, waiter: waiter.clone() });
            }
        }
        if self.is_up() && !self.disk.is_full {
            revoked.iter().for_each(|site| context.truth.revoked(site));
        }
    }

    /// The operator launches run number `index`, once no other is going.
    pub(crate) fn launch(&mut self, context: &mut Context, index: usize) {
        if !self.is_up() || self.active().is_some() {
            context.after(5_000, Happening::Launch(index));
            return;
        }
        let now = self.wall(context);
        if let Some(up) = &mut self.up {
            up.begun = (now.max(up.runs.updated_at()), context.now);
        }
        let initial = update::adapter(&vec![0.0; context.plan.sites.len() + 1]);
        let launched = context.plan.launched(index, &self.manifests[index], &initial);
        let run = launched.run;
        let event = Event::Launched { launched: Box::new(launched) };
        self.handle(context, Submission { run, event, waiter: Waiter::Nobody });
        if self.find(run).is_none() {
            context.after(5_000, Happening::Launch(index));
            return;
        }
        self.catch_up(context, &Waiter::Ourselves);
    }

    /// The operator revokes a site, whether or not we run: first the database, then the run that is going.
    pub(crate) fn revoke(&mut self, context: &mut Context, site: usize) {
        let name = context.plan.sites[site].clone();
        let now = self.wall(context);
        self.with_store(|store| store.revoke(&name, Leaving::Operator, now)).unwrap();
        context.truth.shuts_out(site);
        let waiter = Waiter::Operator(site);
        match self.active() {
            Some(state) if context.mutant != Mutant::RevokesNobody => {
                self.submit(context, state.launched.run, Event::SiteRevoked { site: name }, waiter);
            }
            _ if self.is_up() => context.truth.revoked(&name),
            _ => {}
        }
    }

    /// The operator pauses a site, or ends that, whether or not we run.
    pub(crate) fn hold(&mut self, context: &mut Context, site: usize, is_held: bool) {
        let (name, now) = (context.plan.sites[site].clone(), self.wall(context));
        self.with_store(|store| if is_held { store.pause(&name, now) } else { store.unpause(&name) })
            .unwrap();
        // An operator whom a full disk refused is told so, and nothing comes again.
        self.catch_up(context, &Waiter::Nobody);
    }

    /// How long the round or proposal that is going has, if one is open.
    pub(crate) fn left_ms(&self, context: &Context) -> Option<Ms> {
        let deadline = self.active()?.next_deadline()?;
        Some(deadline.since_ms(self.now(context)))
    }

    /// The operator ends the run, at once or after the open round.
    pub(crate) fn stop(&mut self, context: &mut Context) {
        let after = self.active().as_deref().and_then(RunState::may_stop_after);
        // Every other run, whatever else is drawn.
        match after.filter(|_| context.plan.seed.is_multiple_of(2)) {
            Some(round) => self.command(context, Event::StopAfterRound { round }),
            None => self.command(context, Event::Stopped),
        }
    }

    /// The operator gives the open round more time.
    pub(crate) fn extend(&mut self, context: &mut Context, by_ms: Ms) {
        let round = self.active().and_then(|state| state.current().map(|record| record.round));
        if let Some(round) = round {
            self.command(context, Event::DeadlineExtended { round, by_ms });
        }
    }

    /// An operator's command that needs a running coordinator.
    pub(crate) fn command(&mut self, context: &mut Context, event: Event) {
        if let Some(state) = self.active() {
            self.submit(context, state.launched.run, event, Waiter::Nobody);
        }
    }
}
