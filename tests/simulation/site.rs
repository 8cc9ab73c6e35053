//! A site's agent in the simulation. Real: the state machine (`gateway::state`), the database (SQLite in
//! memory: updates, receipts, attempts, starts, decisions), whose word counts (`consent::Judge`, without an
//! officer's key), what may leave (`Consent::lets_out`), how far a round is (`known::Memory`), pace and
//! backoff, the codec. Modelled, as thinly as it goes: the loop that performs effects (`looping`, `asking`),
//! files, and the worker (`working`), which makes a one-hot update instead of training. Not here: ledger,
//! certificates, policy, the comparison with the held-out set.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use common::id::{Digest, RunId, SiteId};
use common::wire::message::{Request, RoundKey};
use site_agent::backoff::Backoff;
use site_agent::gateway::consent::{Consent, Judge};
use site_agent::gateway::pace::Pace;
use site_agent::gateway::state::{Agent, Assignment, Effect, Event, Proposal};
use site_agent::gateway::store::Store;
use site_agent::gateway::store::consent::{Choice, RunDecision};

use super::agenda::Ms;
use super::context::{BEGIN_MS, Context, Happening};
use super::dice::Dice;

mod asking;
mod looping;
mod rude;
mod working;

/// As in the agent's settings by default.
const FAILURES_MAX: u32 = 3;

/// The site's machine: what stays, and its process while it lives.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) index: usize,
    name: SiteId,
    store: Store,
    judge: Judge,
    inbox: BTreeSet<Digest>,
    outbox: BTreeMap<Digest, Vec<u8>>,
    /// The worker's last raw update.
    raw: Option<(RoundKey, Vec<u8>)>,
    /// Trainings so far; each one's update is another one.
    trainings: u32,
    clock_ms: i64,
    pub(crate) is_disk_full: bool,
    pub(crate) paused_until: Ms,
    dice: Dice,
    /// Numbers waits and questions; what carries an older number is nobody's any more.
    ticket: u64,
    job: u64,
    /// Whether its worker's process lives.
    has_worker: bool,
    /// The round and the terms that this site last heard of, for its replaced program.
    heard: Option<(RoundKey, Digest)>,
    process: Option<Process>,
}

/// What is gone when the process is.
#[derive(Debug)]
struct Process {
    agent: Agent,
    events: VecDeque<Event>,
    effects: VecDeque<Effect>,
    worker: VecDeque<Event>,
    pace: Pace,
    backoff: Backoff,
    told: BTreeSet<RoundKey>,
    proposed: BTreeSet<RunId>,
    began: Ms,
    waiting: Waiting,
}

/// What the loop waits for.
#[derive(Debug, Clone)]
enum Waiting {
    /// Nothing: it goes on.
    Nothing,
    Timer(Then),
    Answer(Box<Question>),
    Worker,
}

/// A question that is repeated until it is answered.
#[derive(Debug, Clone)]
struct Question {
    request: Request,
    payload: Vec<u8>,
    then: Then,
    is_sent: bool,
}

/// What comes after a wait.
#[derive(Debug, Clone, Copy)]
enum Then {
    GoOn,
    Poll,
    Polled,
    /// A decision was told; the others follow, then this.
    Told {
        id: i64,
        run: RunId,
        choice: Choice,
        after: AfterTelling,
    },
    Considered(Proposal, AfterTelling),
    FetchedManifest(Assignment),
    FetchedAdapter,
    SaidReady,
    Recorded(Assignment, Digest),
    Sending(RoundKey),
    Reported(RoundKey),
}

#[derive(Debug, Clone, Copy)]
enum AfterTelling {
    Poll,
    NothingToDo,
    /// A round was handed to us of a run that we have not agreed to.
    NotAgreed,
}

impl Site {
    pub(crate) fn new(context: &Context, index: usize) -> Self {
        let name = context.plan.sites[index].clone();
        Self {
            index,
            judge: Judge::new(name.clone(), None),
            name,
            store: Store::open(Path::new(":memory:")).unwrap(),
            inbox: BTreeSet::new(),
            outbox: BTreeMap::new(),
            raw: None,
            trainings: 0,
            clock_ms: 0,
            is_disk_full: false,
            paused_until: 0,
            dice: Dice::of(context.plan.seed, 1_000 + index as u64),
            ticket: 0,
            job: 0,
            has_worker: true,
            heard: None,
            process: None,
        }
    }

    fn wall_ms(&self, context: &Context) -> u64 {
        (BEGIN_MS + context.now).saturating_add_signed(self.clock_ms)
    }

    pub(crate) fn step_clock(&mut self, ms: i64) {
        self.clock_ms += ms;
    }

    pub(crate) fn start(&mut self, context: &mut Context) {
        if self.process.is_some() {
            return;
        }
        context.truth.runs_now(self.index, true);
        self.has_worker = true;
        self.process = Some(Process {
            agent: Agent::new(FAILURES_MAX),
            events: VecDeque::from([Event::NothingToDo]),
            effects: VecDeque::new(),
            worker: VecDeque::new(),
            pace: Pace::default(),
            backoff: Backoff::default(),
            told: BTreeSet::new(),
            proposed: BTreeSet::new(),
            began: context.now,
            waiting: Waiting::Nothing,
        });
        self.pump(context);
    }

    /// kill -9 of all its processes. What its database committed and what was published in its outbox stays.
    pub(crate) fn kill(&mut self, context: &mut Context, down_ms: Ms) {
        if self.process.take().is_some() {
            context.say(|| format!("site {} killed", self.index));
            self.ticket += 1;
            self.job += 1;
            context.truth.runs_now(self.index, false);
            context.after(down_ms, Happening::SiteStarts(self.index));
        }
    }

    /// Whether this site will do nothing more of a run.
    pub(crate) fn is_done_with(&self, run: RunId) -> bool {
        self.store.is_over(run).unwrap()
    }

    /// Whether the worker has failed in a round: one more death, which may be on its way, can be the last.
    pub(crate) fn has_failed_in(&self, key: RoundKey) -> bool {
        let (failures, given_up) = self.store.attempts(key).unwrap();
        failures > 0 || given_up.is_some()
    }

    fn consent(&self, run: RunId) -> Consent {
        self.judge.consent(&self.store, run).unwrap()
    }

    /// Somebody at the site decides about a run, whether or not the agent runs.
    pub(crate) fn decide(&mut self, context: &mut Context, run: RunId, manifest: Digest, choice: Choice) {
        if context.truth.decision(self.index, run) == Some(Choice::Withdrawn) {
            return;
        }
        context.say(|| format!("site {} decides {choice:?}", self.index));
        let at_ms = self.wall_ms(context);
        self.store
            .record_decision(&RunDecision { at_ms, ..RunDecision::new(run, manifest, choice) })
            .unwrap();
        context.truth.decides(self.index, run, choice);
        self.look_at_consent(context);
    }

    /// Withdraws from the run that it last heard of, or declines it.
    pub(crate) fn leave(&mut self, context: &mut Context, choice: Choice) {
        let runs = self.store.proposed_runs().unwrap();
        if let Some(proposed) = runs.iter().find(|proposed| !proposed.is_over) {
            self.decide(context, proposed.run, proposed.manifest, choice);
        }
    }
}
