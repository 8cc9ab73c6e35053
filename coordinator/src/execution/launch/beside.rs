//! The run in which sites trained together that a run of each alone is shown beside (`compare_with`). Called
//! by `launch`. Invariants: both are measured on the same files, by content, from the same base model and
//! with the same adapter; that they train by as much, or by how much not, is said.

use common::id::Digest;
use common::run::{HeldOutHashes, LocalWork, RunSpec, Train, TrainingSettings};

use crate::error::{Error, Result};
use crate::execution::runs::Runs;
use crate::round::alone::work;
use crate::round::launched::{Beside, PinnedFile};
use crate::round::state::RunState;

/// What is found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) beside: Beside,
    fingerprint: Digest,
    initial: Digest,
    /// What the operator should know, a sentence each.
    pub(super) notes: Vec<String>,
}

/// The run that a run file names, where it names one.
///
/// # Errors
/// There is none, it has no final model of sites together, or it differs where the two must be alike.
pub(super) fn find(runs: &Runs, spec: &RunSpec, held_out: HeldOutHashes) -> Result<Option<Found>> {
    let Some(text) = &spec.compare_with else { return Ok(None) };
    let state = runs.choose(Some(text))?;
    let run = state.launched.run;
    let refuse = |message: String, hint: &str| Err(Error::Argument { message, hint: hint.into() });
    if state.launched.spec.train == Train::Alone {
        let hint = "name the run in which they trained together";
        return refuse(format!("in run {run} each site trained alone, too"), hint);
    }
    if !state.is_over() || !state.has_final_model() {
        let hint = "compare with a run that has gone through its rounds; `coordinator runs` lists them";
        return refuse(format!("run {run} has no final model to compare with"), hint);
    }
    let digest = |file: &PinnedFile| file.digest;
    let (validation, test) = (state.launched.validation.as_ref(), state.launched.test.as_ref());
    let of_it = HeldOutHashes { validation: validation.map(digest), test: test.map(digest) };
    if !are_comparable(of_it, held_out) {
        return refuse(
            format!("run {run} was measured on other held-out files"),
            "name the same `validation` and `test` files as its run file did, or none where it had none; `test` may be \
             left out beside `validation`, and is not opened again then",
        );
    }
    if state.launched.spec.adapter != spec.adapter {
        let hint = "repeat the [adapter] of its run file: only training together may differ";
        return refuse(format!("run {run} trained an adapter of other settings"), hint);
    }
    let beside = Beside { run, adapter: state.model() };
    let notes = notes(&state, spec);
    let (fingerprint, initial) = (state.launched.model_fingerprint, state.launched.initial);
    Ok(Some(Found { beside, fingerprint, initial, notes }))
}

/// Whether the held-out files of a run beside another one are that one's. The test file may be left out, so
/// that it stays opened once.
fn are_comparable(of_it: HeldOutHashes, beside: HeldOutHashes) -> bool {
    let is_test_closed = beside.test.is_none() && beside.validation.is_some();
    of_it.validation == beside.validation && (of_it.test == beside.test || is_test_closed)
}

impl Found {
    /// What the operator should know of the first adapter.
    pub(super) fn note_of(&self, initial: Digest) -> Option<String> {
        let is_other = self.initial != initial;
        is_other.then(|| format!("it begins from another adapter than run {}", self.beside.run))
    }

    /// Whether the base model that the child found is that run's.
    ///
    /// # Errors
    /// It is another one.
    pub(super) fn belongs(&self, fingerprint: Digest) -> Result<()> {
        if self.fingerprint == fingerprint {
            return Ok(());
        }
        Err(Error::Argument {
            message: format!(
                "run {} trained the base model {}, but the run file's is {}",
                self.beside.run,
                self.fingerprint.short(),
                fingerprint.short()
            ),
            hint: "name the same model folder, and hold it in the same way ([base])".into(),
        })
    }
}

fn notes(state: &RunState, spec: &RunSpec) -> Vec<String> {
    let launched = &state.launched;
    let sites = launched.sites.len();
    let (together, alone) = (work(&launched.spec, sites), work(spec, sites));
    let run = launched.run;
    let same_work = match ratio(spec, &launched.spec, sites) {
        _ if launched.origin.is_some() => format!(
            "each site trains {alone} alone, in run {run} {together} behind the rounds of another run: how much that is \
             in all stands in the reports"
        ),
        Some(ratio) if (ratio - 1.0).abs() < 1e-3 => {
            format!("each site trains alone as much as in run {run}: {alone}, there {together}")
        }
        Some(ratio) => format!(
            "each site trains alone {ratio:.2} times as much as in run {run}: {alone}, there {together}; the \
             difference is not only that of training together"
        ),
        None => format!(
            "each site trains {alone} alone, in run {run} {together}: passes and steps cannot be compared before \
             the sites' records are known"
        ),
    };
    let settings = |of: &TrainingSettings| TrainingSettings { epochs: None, steps: None, ..of.clone() };
    let differ = settings(&spec.training) != settings(&launched.spec.training);
    let differ = differ.then(|| {
        format!("[training] differs from that of run {run} in more than its length; both reports show it")
    });
    [Some(same_work), differ].into_iter().flatten().collect()
}

/// How many times as much a site trains in one run as, in the mean of its so many sites, in another.
fn ratio(one: &RunSpec, other: &RunSpec, sites: usize) -> Option<f64> {
    let amounts = match (one.training.work(), other.training.work()) {
        (LocalWork::Epochs(one), LocalWork::Epochs(other)) => (one.as_f64(), other.as_f64()),
        (LocalWork::Steps(one), LocalWork::Steps(other)) => (one as f64, other as f64),
        _ => return None,
    };
    let share = other.participation.map_or(1.0, |of| of.sites_per_round as f64 / sites.max(1) as f64);
    Some(amounts.0 * f64::from(one.rounds) / (amounts.1 * f64::from(other.rounds) * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(rounds: u32, work: &str) -> RunSpec {
        let head = format!("name = \"t\"\nrounds = {rounds}\n[quorum]\nsites = 1\n[training]\n{work}\n");
        toml::from_str(&head).unwrap()
    }

    #[test]
    fn the_test_file_may_stay_closed_and_no_other_file_takes_its_place() {
        let [one, other] = ["1", "2"].map(|byte| Digest::of(byte.as_bytes()));
        let files = |validation, test| HeldOutHashes { validation, test };
        let of_it = files(Some(one), Some(other));
        assert!(are_comparable(of_it, of_it) && are_comparable(of_it, files(Some(one), None)));
        for beside in [
            files(None, None),
            files(None, Some(other)),
            files(Some(other), None),
            files(Some(one), Some(one)),
        ] {
            assert!(!are_comparable(of_it, beside), "{beside:?}");
        }
        let only_test = files(None, Some(other));
        assert!(are_comparable(only_test, only_test) && !are_comparable(only_test, files(None, None)));
    }

    #[test]
    fn the_work_of_two_runs_is_compared_where_it_can_be() {
        let of =
            |one: (u32, &str), other: (u32, &str)| ratio(&spec(one.0, one.1), &spec(other.0, other.1), 20);
        assert_eq!(of((1, "epochs = 3"), (3, "epochs = 1")), Some(1.0));
        assert_eq!(of((1, "epochs = 1"), (4, "epochs = 0.5")), Some(0.5));
        assert_eq!(of((1, "steps = 30"), (3, "steps = 10")), Some(1.0));
        assert_eq!(of((1, "steps = 30"), (3, "epochs = 1")), None);
        assert_eq!(work(&spec(1, "epochs = 3"), 20), "3 epochs");
        assert_eq!(work(&spec(3, "steps = 10"), 20), "3 rounds of 10 steps");
        let in_turns = "steps = 10\n[participation]\nsites_per_round = 5";
        assert_eq!(of((1, "steps = 30"), (12, in_turns)), Some(1.0), "each trains in three of twelve rounds");
        assert_eq!(work(&spec(12, in_turns), 20), "12 rounds of 10 steps, 5 of 20 sites each");
    }
}
