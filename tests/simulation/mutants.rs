//! Proof that the simulator can fail: each rule that is broken on purpose breaks the invariant that it
//! should, within a few seeds.

use super::minimise::minimise;
use super::mutant::Mutant;
use super::plan::{Mode, Plan};
use super::truth::{Broken, invariant};
use super::world::simulate;

/// Seeds that are tried.
const SEEDS: u64 = 500;

/// The first seed at which something breaks, and what.
fn first_broken(mutant: Mutant, mode: Mode) -> (u64, Broken) {
    let broken = (0..SEEDS).find_map(|seed| {
        let outcome = simulate(Plan::of(seed, mode, false, None), mutant, false);
        Some((seed, outcome.broken?))
    });
    broken.unwrap_or_else(|| panic!("{mutant:?} goes unnoticed in {SEEDS} seeds"))
}

#[test]
fn each_broken_rule_breaks_its_invariant() {
    for (mutant, expected) in [
        (Mutant::CountsTwice, invariant::COUNTED_ONCE),
        (Mutant::ReceiptBeforeJournal, invariant::RECEIPT),
        (Mutant::LosesTheFile, invariant::RECEIPT),
        (Mutant::RevokesNobody, invariant::REVOKED),
        (Mutant::AsksNobody, invariant::REVOKED),
        (Mutant::DependsOnTheProcess, invariant::REPLAY),
        (Mutant::IgnoresConsent, invariant::CONSENT),
        (Mutant::SendsAnother, invariant::SAME_BYTES),
        (Mutant::TrustsTheWall, invariant::DEADLINE),
        (Mutant::AlwaysTheFirst, invariant::TURNS),
        (Mutant::PassesOverWhoIsThere, invariant::TURNS),
        (Mutant::ForgetsDeadlines, invariant::ENDS),
        (Mutant::HandsOutNothing, invariant::MODEL),
    ] {
        // The one that spoils what follows a healing, and nothing before it.
        let is_of_healing = mutant == Mutant::HandsOutNothing;
        let mode = if is_of_healing { Mode::Liveness } else { Mode::Safety };
        let (seed, broken) = first_broken(mutant, mode);
        assert_eq!(broken.invariant, expected, "{mutant:?}, seed {seed}: {}", broken.what);
        println!("{mutant:?}: seed {seed}: {}: {}", broken.invariant, broken.what);
    }
}

#[test]
fn a_trace_that_does_not_follow_from_the_seed_is_noticed() {
    let hash = |mutant| simulate(Plan::of(1, Mode::Safety, false, None), mutant, false).hash;
    assert_eq!(hash(Mutant::Sound), hash(Mutant::Sound));
    assert_ne!(hash(Mutant::FlipsCoins), hash(Mutant::FlipsCoins), "{}", invariant::SAME_TRACE);
}

/// The revocation that nobody is told of needs one fault: the revocation.
#[test]
fn a_failing_schedule_is_made_short() {
    let (seed, broken) = first_broken(Mutant::RevokesNobody, Mode::Safety);
    let drawn = Plan::of(seed, Mode::Safety, false, None).faults.len();
    let failure = minimise(seed, Mode::Safety, Mutant::RevokesNobody, &broken, None);
    assert!(failure.kept.len() <= 2, "of {drawn} faults {} are left: {failure}", failure.kept.len());
    assert!(failure.faults.iter().any(|fault| fault.contains("Revoke")), "{failure}");
    let text = failure.to_string();
    assert!(
        text.contains(&format!("SEED={seed} SEEDS=1 KEEP=")) && text.contains(broken.invariant),
        "{text}"
    );
}
