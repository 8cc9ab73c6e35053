//! Evaluation suites and what the final model forgot, each measured by a child of its own. Called by
//! `execution::beside`. Invariants: whatever fails here costs no run, and is journalled with the reason; a
//! child that died is tried once more, what the operator has to mend is not.

use std::path::PathBuf;
use std::time::Instant;

use super::{Performer, model_job};
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::evaluate::{Answer, Job};
use crate::limits::EVALUATION_ATTEMPTS_MAX;
use crate::round::event::Event;
use crate::round::measured::{ForgettingFigures, Forgotten, SuiteFigures, SuiteOutcome};
use crate::round::state::RunState;
use crate::state_folder::blobs;

impl Performer {
    /// Has base and final model asked the suite at this place.
    pub async fn measure_suite(&self, state: &RunState, suite: u32) -> Event {
        let (run, started) = (state.launched.run, Instant::now());
        let outcome = match self.suite(state, suite).await {
            Ok(figures) => SuiteOutcome::Measured { figures, duration_ms: elapsed_ms(started) },
            Err(error) => {
                tracing::warn!(%run, suite, %error, "an evaluation suite was not asked");
                SuiteOutcome::NotMeasured { reason: error.to_string() }
            }
        };
        Event::SuiteMeasured { suite, outcome: Box::new(outcome) }
    }

    async fn suite(&self, state: &RunState, suite: u32) -> Result<Box<SuiteFigures>> {
        let pinned = usize::try_from(suite).ok().and_then(|at| state.launched.suites.get(at));
        let pinned = pinned.ok_or_else(|| Error::Internal("there is no such suite".into()))?;
        let job = Job::Suite {
            model: model_job(state),
            suite: pinned.clone(),
            base_fingerprint: state.launched.model_fingerprint,
            adapter: self.final_model(state).await?,
        };
        match self.asked(&job).await? {
            Answer::Asked { figures } => Ok(figures),
            _ => Err(Error::Internal("the evaluation answered something else".into())),
        }
    }

    /// Has it measured what the final model forgot.
    pub async fn measure_forgetting(&self, state: &RunState) -> Event {
        let (run, started) = (state.launched.run, Instant::now());
        let outcome = match self.forgetting(state).await {
            Ok(figures) => Forgotten::Measured { figures, duration_ms: elapsed_ms(started) },
            Err(error) => {
                tracing::warn!(%run, %error, "it was not measured what the model forgot");
                Forgotten::NotMeasured { reason: error.to_string() }
            }
        };
        Event::ForgettingMeasured { outcome: Box::new(outcome) }
    }

    async fn forgetting(&self, state: &RunState) -> Result<Box<ForgettingFigures>> {
        let job = Job::Forgetting {
            model: model_job(state),
            base_fingerprint: state.launched.model_fingerprint,
            adapter: self.final_model(state).await?,
        };
        match self.asked(&job).await? {
            Answer::Forgotten { figures } => Ok(figures),
            _ => Err(Error::Internal("the evaluation answered something else".into())),
        }
    }

    /// The file of the final adapter, which has the bytes of its name.
    async fn final_model(&self, state: &RunState) -> Result<PathBuf> {
        let (path, model) = (self.folder.blob(state.model()), state.model());
        let file = path.clone();
        let found = blocking(move || blobs::digest_of(&file)).await?;
        if found == model { Ok(path) } else { Err(blobs::damaged("published adapter", model)) }
    }

    /// The child's answer; after a child that died, that of another one.
    async fn asked(&self, job: &Job) -> Result<Answer> {
        let mut attempt = 1;
        loop {
            match self.evaluator.run(job).await {
                Ok(Answer::Failed { message, hint, user }) => {
                    return Err(Error::Model { message, hint, user });
                }
                Err(error) if attempt < EVALUATION_ATTEMPTS_MAX => {
                    tracing::warn!(attempt, %error, "an evaluation failed");
                    attempt += 1;
                }
                answered => return answered,
            }
        }
    }
}

fn elapsed_ms(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
