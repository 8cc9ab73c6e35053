//! What everybody in the simulated world shares: the time, the agenda, the network, and the truth that
//! nobody in it knows.

use std::hash::{DefaultHasher, Hash, Hasher};

use common::id::{Digest, RunId};
use common::wire::message::{Refusal, RoundKey};
use coordinator::round::effect::Effect;
use coordinator::round::event::Event;
use coordinator::store::Offer;

use super::agenda::{Agenda, Ms};
use super::mutant::Mutant;
use super::network::Network;
use super::plan::Plan;
use super::truth::Truth;

/// When the simulation begins, in milliseconds since 1970.
pub(crate) const BEGIN_MS: u64 = 1_800_000_000_000;

/// A request or an answer on its way.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    /// The site at one end, and which life of its process and which question this belongs to.
    pub(crate) asker: Asker,
    /// The frame, as on the wire.
    pub(crate) frame: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

/// Whose question, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Asker {
    pub(crate) site: usize,
    pub(crate) question: u64,
}

/// Who waits for the commit of an event.
#[derive(Debug, Clone)]
pub(crate) enum Waiter {
    Nobody,
    /// A site: it is noted, or there is a receipt, or it was refused anyway.
    Noted(Asker),
    Receipt {
        asker: Asker,
        key: RoundKey,
        offer: Offer,
    },
    Refused {
        asker: Asker,
        refusal: Refusal,
    },
    /// The operator who revoked a site.
    Operator(usize),
    /// Our own work, which tries again.
    Ourselves,
}

/// An event on its way to the journal.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) run: RunId,
    pub(crate) event: Event,
    pub(crate) waiter: Waiter,
}

/// What can happen next. A `life` is that of the process: what was meant for an earlier one does not happen.
#[derive(Debug)]
pub(crate) enum Happening {
    ToCoordinator(Packet),
    ToSite(Packet),
    /// The driver's turn.
    Driven {
        life: u32,
        submission: Box<Submission>,
    },
    Performed {
        life: u32,
        run: RunId,
        effect: Box<Effect>,
    },
    PollEnds {
        life: u32,
        asker: Asker,
    },
    Look {
        life: u32,
    },
    CoordinatorStarts,
    Launch(usize),
    /// A site's wait is over.
    SiteGoes {
        site: usize,
        ticket: u64,
    },
    WorkerSays {
        site: usize,
        ticket: u64,
        word: Word,
    },
    SiteStarts(usize),
    WorkerStarts(usize),
    /// The privacy officer decides.
    Person {
        site: usize,
        run: RunId,
        manifest: Digest,
    },
    Fault(usize),
    FaultEnds(usize),
    Heal,
}

/// What a worker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    Prepared,
    Trained,
    Failed,
}

/// The shared part of the world.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) now: Ms,
    pub(crate) plan: Plan,
    pub(crate) mutant: Mutant,
    pub(crate) agenda: Agenda<Happening>,
    pub(crate) network: Network,
    pub(crate) truth: Truth,
    pub(crate) is_healed: bool,
    hasher: DefaultHasher,
    /// Whether each step is printed.
    pub(crate) is_loud: bool,
}

impl Context {
    pub(crate) fn new(plan: Plan, mutant: Mutant, is_loud: bool) -> Self {
        let network = Network::new(plan.seed, plan.sites.len());
        let truth = Truth::new(&plan);
        Self {
            now: 0,
            mutant,
            agenda: Agenda::default(),
            network,
            truth,
            is_healed: false,
            hasher: DefaultHasher::new(),
            is_loud,
            plan,
        }
    }

    pub(crate) fn after(&mut self, wait_ms: Ms, what: Happening) {
        self.agenda.plan(self.now + wait_ms, what);
    }

    /// Part of the trace, of which the hash says whether two simulations were the same.
    pub(crate) fn trace(&mut self, what: impl Hash) {
        (self.now, what).hash(&mut self.hasher);
    }

    pub(crate) fn say(&self, line: impl FnOnce() -> String) {
        if self.is_loud {
            println!("{:>9.3} s  {}", self.now as f64 / 1000.0, line());
        }
    }

    pub(crate) fn trace_hash(&self) -> u64 {
        self.hasher.finish()
    }
}
