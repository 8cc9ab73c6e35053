//! Many seeds: 10,000 for every change, more by `./deploy/long-tests`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::minimise::{Failure, minimise};
use super::mutant::Mutant;
use super::plan::{Mode, Plan};
use super::truth::{Broken, Counts, invariant};
use super::world::simulate;

/// Seeds of each mode for every change.
const ORDINARY: u64 = 5_000;
/// Seeds of each mode in the long test, where nothing else is asked for.
const LONG: u64 = 100_000;
/// Of so many seeds one is simulated twice.
const AGAIN: u64 = 50;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The faults that are kept, where somebody repeats a failure.
fn kept() -> Option<Vec<usize>> {
    let text = std::env::var("KEEP").ok()?;
    Some(text.split(',').filter_map(|word| word.parse().ok()).collect())
}

/// Simulates one seed, now and then twice.
fn one(seed: u64, mode: Mode, kept: Option<&[usize]>, is_loud: bool) -> (Option<Broken>, Counts) {
    let plan = || Plan::of(seed, mode, false, kept);
    let outcome = simulate(plan(), Mutant::Sound, is_loud);
    if outcome.broken.is_none() && seed.is_multiple_of(AGAIN) {
        let again = simulate(plan(), Mutant::Sound, false);
        if again.hash != outcome.hash {
            let what = "two simulations of one seed differ".to_owned();
            return (Some(Broken { invariant: invariant::SAME_TRACE, what }), outcome.counts);
        }
    }
    (outcome.broken, outcome.counts)
}

/// Simulates `count` seeds from `first` on, on two threads. Fails with the first failure, made short. Returns
/// what they did.
fn many(first: u64, count: u64, mode: Mode) -> Counts {
    let (kept, is_loud) = (kept(), number("LOUD").is_some());
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let found: Mutex<Option<Failure>> = Mutex::new(None);
    let totals = Mutex::new(Counts::default());
    let began = Instant::now();
    let work = || {
        let mut sum = Counts::default();
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            let seed = first + index;
            let (broken, counts) = one(seed, mode, kept.as_deref(), is_loud);
            sum.add(&counts);
            if let Some(broken) = broken
                && !failed.swap(true, Ordering::Relaxed)
            {
                let failure = minimise(seed, mode, Mutant::Sound, &broken, kept.as_deref());
                *found.lock().unwrap() = Some(failure);
            }
        }
        totals.lock().unwrap().add(&sum);
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    if let Some(failure) = found.into_inner().unwrap() {
        panic!("{failure}");
    }
    let seconds = began.elapsed().as_secs_f64();
    let totals = totals.into_inner().unwrap();
    println!("{mode:?}: {count} seeds from {first} in {seconds:.1} s: {totals:?}");
    totals
}

#[test]
fn faults_for_ever_break_no_invariant() {
    let counts = many(number("SEED").unwrap_or(0), number("SEEDS").unwrap_or(ORDINARY), Mode::Safety);
    if number("SEEDS").is_none() {
        assert!(counts.vetoed > 0 && counts.finished > 0, "{counts:?}");
        assert!(counts.chosen > 0 && counts.chosen_beside > 0 && counts.passed_over > 0, "{counts:?}");
    }
}

#[test]
fn a_healed_run_ends() {
    let counts = many(number("SEED").unwrap_or(0), number("SEEDS").unwrap_or(ORDINARY), Mode::Liveness);
    // Runs that owe nothing prove nothing.
    if number("SEEDS").is_none() {
        assert!(counts.owed > 0 && counts.finished > 0, "{counts:?}");
    }
}

#[test]
#[ignore = "half an hour: run by deploy/long-tests"]
fn many_seeds_break_no_invariant() {
    let (first, count) = (number("SEED").unwrap_or(0), number("SEEDS").unwrap_or(LONG));
    many(first, count, Mode::Safety);
    many(first, count, Mode::Liveness);
}

/// More sites than a run file may name, so that what grows with them shows.
#[test]
fn a_thousand_sites_break_no_invariant() {
    let outcome = simulate(Plan::of(1, Mode::Liveness, true, None), Mutant::Sound, false);
    assert_eq!(outcome.broken, None);
    assert!(outcome.counts.closed > 0, "{:?}", outcome.counts);
    println!("a thousand sites: {:?}", outcome.counts);
}
