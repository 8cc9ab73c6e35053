//! Makes a failing schedule short: faults are left out, halves first and then one by one, as long as the
//! same invariant still breaks (ddmin, Zeller and Hildebrandt 2002).

use super::mutant::Mutant;
use super::plan::{Mode, Plan};
use super::truth::Broken;
use super::world::simulate;

/// A seed that fails, and the fewest of its faults that it needs.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    pub(crate) broken: Broken,
    /// Places in the seed's list of faults.
    pub(crate) kept: Vec<usize>,
    pub(crate) faults: Vec<String>,
}

/// The shortest schedule that is found.
pub(crate) fn minimise(
    seed: u64,
    mode: Mode,
    mutant: Mutant,
    broken: &Broken,
    kept: Option<&[usize]>,
) -> Failure {
    let all = Plan::of(seed, mode, false, None).faults;
    let mut kept: Vec<usize> = kept.map_or_else(|| (0..all.len()).collect(), <[usize]>::to_vec);
    let mut last = broken.clone();
    let mut size = kept.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        while from < kept.len() {
            let without: Vec<usize> = kept
                .iter()
                .enumerate()
                .filter(|(at, _)| !(from..from + size).contains(at))
                .map(|(_, index)| *index)
                .collect();
            let outcome = simulate(Plan::of(seed, mode, false, Some(&without)), mutant, false);
            match outcome.broken.filter(|found| found.invariant == broken.invariant) {
                Some(found) => (kept, last) = (without, found),
                None => from += size,
            }
        }
        if size == 1 {
            break;
        }
        size = size.div_ceil(2);
    }
    let faults = kept.iter().map(|index| format!("{index}: {:?}", all[*index])).collect();
    Failure { seed, mode, broken: last, kept, faults }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, mode, broken, kept, faults } = self;
        let kept = kept.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let test = match mode {
            Mode::Safety => "faults_for_ever_break_no_invariant",
            Mode::Liveness => "a_healed_run_ends",
        };
        writeln!(f, "seed {seed}: {}: {}", broken.invariant, broken.what)?;
        faults.iter().try_for_each(|fault| writeln!(f, "  fault {fault}"))?;
        write!(
            f,
            "repeat it: SEED={seed} SEEDS=1 KEEP={kept} LOUD=1 cargo test -p tests --test simulation -- {test} --nocapture"
        )
    }
}
