//! Evaluation suites and what the final model forgot, each measured by a child of its own. Called by
//! `execution::beside`. Invariants: whatever fails here costs no run, and is journalled with the reason; a
//! child that died is begun once more, what the operator has to mend is not; no figure is journalled that
//! cannot be.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use common::id::RunId;
use prepare::suite::resume_file;

use super::{Performer, model_job};
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::evaluate::{Answer, Job, Turn};
use crate::round::event::Event;
use crate::round::measured::{ForgettingFigures, Forgotten, SuiteFigures, SuiteOutcome, Wanted};
use crate::round::state::RunState;
use crate::round::suites;
use crate::state_folder::{ANSWERS, StateFolder, blobs};

/// Removes what is kept of suites that are not asked any more: a crash may have come before.
///
/// # Errors
/// The spool cannot be read, or a file in it cannot be removed.
pub fn remove_strays(folder: &StateFolder, runs: &[Arc<RunState>]) -> Result<()> {
    let waiting = |state: &Arc<RunState>| match suites::waiting(state) {
        Some(Wanted::Suite(suite)) => Some(folder.suite(state.launched.run, suite)),
        _ => None,
    };
    let kept: BTreeSet<PathBuf> = runs.iter().filter_map(waiting).collect();
    let spool = folder.spool();
    for entry in std::fs::read_dir(&spool).map_err(Error::io("read", &spool))? {
        let path = entry.map_err(Error::io("read", &spool))?.path();
        if path.extension().is_some_and(|end| end == ANSWERS) && !kept.contains(&path) {
            blobs::remove(&path)?;
        }
    }
    Ok(())
}

/// Why there are no figures.
enum Unasked {
    /// The process ended without an answer, which another one may give.
    Died(Error),
    /// It would come again.
    Refused(Error),
}

type Figures<T> = std::result::Result<Box<T>, Unasked>;

impl From<Error> for Unasked {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Performer {
    /// The turn in which one of these is measured.
    pub async fn turn(&self) -> Turn {
        self.evaluator.turn().await
    }

    /// Measures this once, of a run in which that was noted to begin; `None`: it is to be begun once more.
    pub async fn measure(&self, state: &RunState, what: Wanted, turn: Turn) -> Option<Event> {
        let (run, started) = (state.launched.run, Instant::now());
        let reason = |unasked| match unasked {
            Unasked::Died(error) if suites::may_begin(state, what) => {
                tracing::warn!(%run, ?what, %error, "an evaluation failed; it is begun once more");
                None
            }
            Unasked::Died(error) | Unasked::Refused(error) => {
                tracing::warn!(%run, ?what, %error, "what was wanted of a run's model was not measured");
                Some(error.to_string())
            }
        };
        Some(match what {
            Wanted::Suite(suite) => {
                let outcome = match self.suite(state, suite, &turn).await {
                    Ok(figures) => SuiteOutcome::Measured { figures, duration_ms: elapsed_ms(started) },
                    Err(unasked) => SuiteOutcome::NotMeasured { reason: reason(unasked)? },
                };
                Event::SuiteMeasured { suite, outcome: Box::new(outcome) }
            }
            Wanted::Forgetting => {
                let outcome = match self.forgetting(state, &turn).await {
                    Ok(figures) => Forgotten::Measured { figures, duration_ms: elapsed_ms(started) },
                    Err(unasked) => Forgotten::NotMeasured { reason: reason(unasked)? },
                };
                Event::ForgettingMeasured { outcome: Box::new(outcome) }
            }
        })
    }

    /// Removes what is kept of a suite whose outcome is in the journal.
    pub async fn forget_answers(&self, run: RunId, suite: u32) {
        let path = self.folder.suite(run, suite);
        if let Err(error) = blocking(move || blobs::remove(&path)).await {
            tracing::warn!(%error, "cannot remove what was kept of an evaluation suite");
        }
    }

    /// The file that keeps what is asked, made where there is none. Without it a suite is asked all the same.
    async fn kept_answers(&self, state: &RunState, suite: u32) -> Option<PathBuf> {
        let path = self.folder.suite(state.launched.run, suite);
        let file = path.clone();
        match blocking(move || Ok(resume_file(&file)?)).await {
            Ok(()) => Some(path),
            Err(error) => {
                tracing::warn!(%error, "an evaluation suite that is interrupted will begin anew");
                None
            }
        }
    }

    async fn suite(&self, state: &RunState, suite: u32, turn: &Turn) -> Figures<SuiteFigures> {
        let pinned = usize::try_from(suite).ok().and_then(|at| state.launched.suites.get(at));
        let pinned = pinned.ok_or_else(|| Error::Internal("there is no such suite".into()))?;
        let job = Job::Suite {
            model: model_job(state),
            suite: pinned.clone(),
            base_fingerprint: state.launched.model_fingerprint,
            adapter: self.final_model(state).await?,
            resume: self.kept_answers(state, suite).await,
        };
        match self.asked(&job, turn).await? {
            Answer::Asked { figures } => {
                figures.validate().map_err(impossible)?;
                Ok(figures)
            }
            _ => Err(something_else().into()),
        }
    }

    async fn forgetting(&self, state: &RunState, turn: &Turn) -> Figures<ForgettingFigures> {
        let job = Job::Forgetting {
            model: model_job(state),
            base_fingerprint: state.launched.model_fingerprint,
            adapter: self.final_model(state).await?,
        };
        match self.asked(&job, turn).await? {
            Answer::Forgotten { figures } => {
                figures.validate().map_err(impossible)?;
                Ok(figures)
            }
            _ => Err(something_else().into()),
        }
    }

    /// The file of the final adapter, which has the bytes of its name.
    async fn final_model(&self, state: &RunState) -> Result<PathBuf> {
        let (path, model) = (self.folder.blob(state.model()), state.model());
        let file = path.clone();
        let found = blocking(move || blobs::digest_of(&file)).await?;
        if found == model { Ok(path) } else { Err(blobs::damaged("published adapter", model)) }
    }

    async fn asked(&self, job: &Job, turn: &Turn) -> std::result::Result<Answer, Unasked> {
        match self.evaluator.run_in(turn, job).await.map_err(Unasked::Died)? {
            Answer::Failed { message, hint, user } => Err(Error::Model { message, hint, user }.into()),
            answer => Ok(answer),
        }
    }
}

fn something_else() -> Error {
    Error::Internal("the evaluation answered something else".into())
}

fn impossible(what: &str) -> Error {
    Error::Internal(format!("the evaluation answered figures that cannot be: {what}"))
}

fn elapsed_ms(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
