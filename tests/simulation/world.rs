//! One simulation from its first step to its last: what happens is handed to whom it happens, faults come
//! and go, and after each step somebody looks whether an invariant broke.

use coordinator::round::state::RunState;

use super::agenda::Ms;
use super::context::{Context, Happening};
use super::coordinator::Coordinator;
use super::dice::Dice;
use super::mutant::Mutant;
use super::plan::Plan;
use super::site::Site;
use super::truth::{Broken, Counts, invariant};

mod happenings;
mod healing;

/// The world.
struct World {
    context: Context,
    coordinator: Coordinator,
    sites: Vec<Site>,
    dice: Dice,
    /// In a test of liveness after the faults: when the run has to be over, and whether it has to succeed.
    due: Option<healing::Due>,
    /// When the last run was over.
    over_at: Option<Ms>,
}

/// What a simulation gave.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) broken: Option<Broken>,
    pub(crate) counts: Counts,
    pub(crate) hash: u64,
}

/// Steps after which a simulation is stuck.
const STEPS: u64 = 5_000_000;
/// How long a simulation goes on after its last run.
const HEARING_MS: Ms = 40_000;

/// Simulates a plan.
pub(crate) fn simulate(plan: Plan, mutant: Mutant, is_loud: bool) -> Outcome {
    let mut context = Context::new(plan, mutant, is_loud);
    let coordinator = Coordinator::new(&context);
    let sites = (0..context.plan.sites.len()).map(|index| Site::new(&context, index)).collect();
    let dice = Dice::of(context.plan.seed, 3);
    context.after(0, Happening::CoordinatorStarts);
    for site in 0..context.plan.sites.len() {
        context.after(site as Ms % 50, Happening::SiteStarts(site));
    }
    for index in 0..context.plan.runs {
        context.after(100 + index as Ms, Happening::Launch(index));
    }
    for index in 0..context.plan.faults.len() {
        let at = context.plan.faults[index].at;
        context.agenda.plan(at, Happening::Fault(index));
    }
    if let Some(at) = context.plan.heal_at {
        context.agenda.plan(at, Happening::Heal);
    }
    let mut world = World { context, coordinator, sites, dice, due: None, over_at: None };
    world.run();
    if mutant == Mutant::FlipsCoins {
        world.context.trace(coin());
    }
    let Context { truth, .. } = &world.context;
    Outcome { broken: truth.broken.clone(), counts: truth.counts, hash: world.context.trace_hash() }
}

/// Something that no seed decides.
fn coin() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

impl World {
    fn run(&mut self) {
        while self.context.truth.broken.is_none() && !self.is_over() {
            let Some((at, happening)) = self.context.agenda.take_next() else { return };
            self.context.now = at;
            self.context.truth.counts.steps += 1;
            if self.context.truth.counts.steps > STEPS || at > self.context.plan.end_at {
                let phase = self.context.truth.active().map(|state| state.phase.clone());
                return self
                    .context
                    .truth
                    .broken(invariant::ENDS, || format!("nothing ends this run, which is {phase:?}"));
            }
            self.happens(happening);
            self.look_at_due();
        }
    }

    /// All runs are over, and everybody had a while to hear of it.
    fn is_over(&mut self) -> bool {
        let Context { truth, plan, now, .. } = &self.context;
        if !(0..plan.runs).all(|index| truth.run(plan.run(index)).is_some_and(RunState::is_over)) {
            return false;
        }
        *now > *self.over_at.get_or_insert(*now) + HEARING_MS
    }
}
