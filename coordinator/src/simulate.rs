//! What a planned run will cost, before it is launched: the real scheduler (`round`) between modelled sites,
//! lines and a modelled machine, in virtual time, from a seed. Called by `cli::simulate`. Pure: time and
//! randomness come from the plan and the seed; nothing is read, written or measured here. Invariants: the
//! same plan and seed give the same course; every simulation ends.
//!
//! `tests/simulation` is another simulator, for the protocol's safety under faults; this one is for people
//! who plan, and knows no fault but sites that are away.

pub mod agenda;
pub mod dice;
mod disk;
mod line;
mod memory;
pub mod plan;
pub mod prediction;
pub mod rounds;
mod site;
mod traffic;
mod world;

use std::collections::BTreeMap;

use self::disk::DiskUse;
use self::plan::Plan;
use self::prediction::{Course, Prediction};
use self::traffic::Traffic;
use self::world::World;
use crate::round::state::{Failure, Phase, RunState};

/// A row of the journal and a row of a message in the database, with their indices; what an update adds
/// besides (offer and receipt): measured.
const ROW_BYTES: u64 = 600;
const MESSAGE_BYTES: u64 = 150;
const UPDATE_BYTES: u64 = 700;

/// A simulation took more steps than any run needs. Another seed or a smaller plan may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endless;

/// Simulates a plan with `runs` seeds from `seed` on, on so many threads.
///
/// # Errors
/// [`Endless`].
pub fn predict(plan: &Plan, seed: u64, runs: usize, threads: usize) -> Result<Prediction, Endless> {
    let seeds: Vec<u64> = (0..runs.max(1) as u64).map(|index| seed.wrapping_add(index)).collect();
    let each = seeds.len().div_ceil(threads.max(1)).max(1);
    let courses: Option<Vec<Course>> = std::thread::scope(|scope| {
        let course = |seed: &u64| course(plan, *seed);
        let threads: Vec<_> = seeds
            .chunks(each)
            .map(|seeds| scope.spawn(move || seeds.iter().map(course).collect::<Option<Vec<Course>>>()))
            .collect();
        let parts = threads.into_iter().map(|thread| thread.join().ok().flatten());
        parts.collect::<Option<Vec<_>>>().map(|parts| parts.into_iter().flatten().collect())
    });
    courses.and_then(|courses| Prediction::of(plan, courses)).ok_or(Endless)
}

/// One simulation; `None` where it does not end.
fn course(plan: &Plan, seed: u64) -> Option<Course> {
    let mut world = World::new(plan, seed);
    if !world.run() {
        return None;
    }
    let wall_ms = world.over_at?;
    world.finish();
    let (mut traffic, mut busiest) = (Traffic::default(), Traffic::default());
    for site in &mut world.sites {
        site.traffic.kept_alive(wall_ms.saturating_sub(site.away_ms));
        traffic.add(&site.traffic);
        if site.traffic.up_bytes > busiest.up_bytes {
            busiest = site.traffic;
        }
    }
    let state = world.state()?;
    let (end_bytes, kept_bytes) = world.disk.end(state, plan.retention);
    let updates: u64 = world.rounds.iter().map(|round| round.updates as u64).sum();
    let database = [(world.rows, ROW_BYTES), (traffic.messages, MESSAGE_BYTES), (updates, UPDATE_BYTES)];
    Some(Course {
        seed,
        wall_ms,
        failed_at: failed_at(state),
        traffic,
        busiest,
        disk: DiskUse {
            most_bytes: world.disk.most,
            end_bytes,
            kept_bytes,
            database_bytes: database.into_iter().map(|(count, each)| count.saturating_mul(each)).sum(),
        },
        transfers: world.transfers_most(),
        missing: missing(state),
        rounds: std::mem::take(&mut world.rounds),
    })
}

fn failed_at(state: &RunState) -> Option<u32> {
    let is_short = matches!(state.phase, Phase::Failed(Failure::QuorumNotMet { .. }));
    state.current().filter(|_| is_short).map(|record| record.round.0)
}

/// In how many rounds each site was named missing.
fn missing(state: &RunState) -> BTreeMap<String, u32> {
    let mut rounds = BTreeMap::new();
    for site in state.rounds.iter().flat_map(|record| record.missing.keys()) {
        *rounds.entry(site.to_string()).or_insert(0) += 1;
    }
    rounds
}

#[cfg(test)]
mod tests;
