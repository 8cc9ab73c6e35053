//! Evaluation suites in the report: what the journal has of each, corrected over all, and what that shows.
//! Called by `collect`. Pure. Invariants: no figure is shown before every suite is settled, for the
//! correction counts all of them; what was not measured is named with the reason, and has no figures.

use evaluation::compare::Verdict;
use evaluation::statistics::{Interval, holm};
use serde::{Deserialize, Serialize};

use crate::round::launched::PinnedSuite;
use crate::round::measured::{ForgettingFigures, Forgotten, SuiteFigures, SuiteOutcome};
use crate::round::state::RunState;
use crate::round::suites::is_never_asked;

/// Why nothing is measured of a run that failed, was stopped or adopted nothing.
const NO_MODEL: &str = "the run has no final model";

/// Where a measurement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is still to be made, or others are that it is shown together with.
    Waiting,
    /// It was made.
    Measured,
    /// It could not be made.
    NotMeasured,
}

/// One suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuiteReport {
    /// Its name.
    pub name: String,
    /// SHA-256 of the suite file.
    pub file: String,
    /// SHA-256 of its records.
    pub records: String,
    /// Where its measurement stands.
    pub status: Status,
    /// Why it could not be made.
    pub reason: Option<String>,
    /// What came out.
    pub figures: Option<SuiteFigures>,
    /// The sign test's p by Holm over the suites that were measured.
    pub corrected_p: Option<f64>,
    /// What that shows.
    pub verdict: Option<Verdict>,
}

/// What the final model forgot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForgettingReport {
    /// Where its measurement stands.
    pub status: Status,
    /// Why it could not be made.
    pub reason: Option<String>,
    /// What came out; the suite of general knowledge is no part of the others' correction.
    pub figures: Option<ForgettingFigures>,
    /// What the general suite shows by itself.
    pub verdict: Option<Verdict>,
}

/// The suites that were launched with the run, in their order.
pub fn of_run(state: &RunState) -> Vec<SuiteReport> {
    let places = || (0..).zip(&state.launched.suites);
    let never = is_never_asked(state).then(|| SuiteOutcome::NotMeasured { reason: NO_MODEL.to_owned() });
    let outcome = |at: u32| state.suites.get(&at).or(never.as_ref());
    let is_settled = places().all(|(at, _)| outcome(at).is_some());
    let mut all: Vec<SuiteReport> =
        places().map(|(at, pinned)| suite(pinned, outcome(at).filter(|_| is_settled))).collect();
    let measured = |suite: &SuiteReport| suite.figures.as_ref().map(|figures| figures.p);
    let corrected = holm(&all.iter().filter_map(measured).collect::<Vec<f64>>());
    let with_figures = all.iter_mut().filter(|suite| suite.figures.is_some());
    for (suite, corrected) in with_figures.zip(corrected) {
        suite.corrected_p = Some(corrected);
        suite.verdict = suite.figures.as_ref().map(|figures| verdict(figures, corrected));
    }
    all
}

fn suite(pinned: &PinnedSuite, outcome: Option<&SuiteOutcome>) -> SuiteReport {
    let (status, reason, figures) = match outcome {
        None => (Status::Waiting, None, None),
        Some(SuiteOutcome::Measured { figures, .. }) => {
            (Status::Measured, None, Some(figures.as_ref().clone()))
        }
        Some(SuiteOutcome::NotMeasured { reason }) => (Status::NotMeasured, Some(reason.clone()), None),
    };
    SuiteReport {
        name: pinned.name.clone(),
        file: pinned.file.digest.to_string(),
        records: pinned.records.digest.to_string(),
        status,
        reason,
        figures,
        corrected_p: None,
        verdict: None,
    }
}

/// What the final model forgot; nothing where the run file does not ask for it.
pub fn forgotten(state: &RunState) -> Option<ForgettingReport> {
    if !state.launched.spec.evaluation.forgetting {
        return None;
    }
    let (status, reason, figures) = match &state.forgotten {
        None if is_never_asked(state) => (Status::NotMeasured, Some(NO_MODEL.to_owned()), None),
        None => (Status::Waiting, None, None),
        Some(Forgotten::Measured { figures, .. }) => (Status::Measured, None, Some(figures.as_ref().clone())),
        Some(Forgotten::NotMeasured { reason }) => (Status::NotMeasured, Some(reason.clone()), None),
    };
    let verdict = figures.as_ref().map(|figures| verdict(&figures.general, figures.general.p));
    Some(ForgettingReport { status, reason, figures, verdict })
}

/// What base and final model show side by side.
fn verdict(figures: &SuiteFigures, corrected: f64) -> Verdict {
    let [low, high] = figures.interval;
    Verdict::of(corrected, Interval { low, high }, true, low > -figures.margin)
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;

    use super::*;
    use crate::round::scheduler::tests::launched_run;
    use crate::round::suites::tests::{figures, measured, pinned};

    fn state(p: &[f64]) -> RunState {
        let mut launched = launched_run(1, 1, 1);
        launched.suites = (0..p.len()).map(|at| pinned(&format!("suite {at}"))).collect();
        let mut state = RunState::launched(launched, Timestamp(0));
        state.suites = (0..).zip(p).map(|(at, p)| (at, measured(figures(50, 20, 5, 100, *p)))).collect();
        state
    }

    #[test]
    fn p_is_corrected_over_the_suites_that_were_measured() {
        // The vector of the reference: .01 .04 .03 .005 become .03 .06 .06 .02.
        let state = state(&[0.01, 0.04, 0.03, 0.005]);
        let suites = of_run(&state);
        for (suite, expected) in suites.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((suite.corrected_p.unwrap() - expected).abs() < 1e-12, "{suite:?}");
        }
        let said: Vec<Verdict> = suites.iter().filter_map(|suite| suite.verdict).collect();
        assert_eq!(said, [Verdict::Better, Verdict::NotWorse, Verdict::NotWorse, Verdict::Better]);
    }

    #[test]
    fn nothing_is_half_shown_and_what_failed_is_named() {
        let mut state = state(&[0.01, 0.04]);
        let first = state.suites.remove(&0).unwrap();
        for suite in of_run(&state) {
            assert_eq!((suite.status, &suite.figures, suite.verdict), (Status::Waiting, &None, None));
        }
        state.suites.insert(0, SuiteOutcome::NotMeasured { reason: "it died".into() });
        let suites = of_run(&state);
        assert_eq!((suites[0].status, suites[0].reason.as_deref()), (Status::NotMeasured, Some("it died")));
        assert_eq!((suites[1].status, suites[1].corrected_p), (Status::Measured, Some(0.04)), "alone");
        state.suites.insert(0, first);
        assert_eq!(of_run(&state)[1].corrected_p, Some(0.04), "of two, the larger one");
        assert_eq!(of_run(&state)[0].corrected_p, Some(0.02));
    }

    #[test]
    fn a_run_without_a_final_model_says_so_and_not_that_it_waits() {
        use crate::round::state::{Failure, Phase};

        let mut state = state(&[0.01, 0.04]);
        state.suites.clear();
        state.launched.spec.evaluation.forgetting = true;
        let said = |state: &RunState| {
            let suites = of_run(state).into_iter().map(|suite| (suite.status, suite.reason));
            let forgotten = forgotten(state).map(|it| (it.status, it.reason));
            suites.chain(forgotten).collect::<Vec<_>>()
        };
        assert_eq!(said(&state), vec![(Status::Waiting, None); 3]);
        for phase in [Phase::Failed(Failure::Stopped), Phase::Finished] {
            state.phase = phase;
            assert_eq!(said(&state), vec![(Status::NotMeasured, Some(NO_MODEL.to_owned())); 3]);
        }
    }

    #[test]
    fn worse_and_not_told_apart_are_said() {
        let with = |better, worse, p| verdict(&figures(50, better, worse, 100, p), p);
        assert_eq!(with(5, 20, 0.004), Verdict::Worse);
        assert_eq!(with(20, 5, 0.2), Verdict::NotWorse);
        assert_eq!(
            with(10, 10, 1.0),
            Verdict::NotShown,
            "the interval reaches 4 points down, the margin is 2"
        );
        assert_eq!(forgotten(&state(&[])), None);
    }
}
