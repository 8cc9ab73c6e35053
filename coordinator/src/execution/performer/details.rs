//! What a report says of a run beside its measurements: made after them, by a child of its own, and written
//! before the event that reports them. Called by `performer`. Invariant: whatever fails here costs no
//! measurement and no round; it is said in the file and in the log.

use common::id::Digest;

use super::{Performer, model_job};
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::evaluate::details::{Department, Details, HeldOutSet, SampleQuestion, Samples};
use crate::evaluate::{Answer, Job};
use crate::limits::SAMPLE_TOKENS_MAX;
use crate::round::launched::PinnedFile;
use crate::round::state::RunState;

impl Performer {
    /// Keeps departments and sample questions of the final model.
    pub(super) async fn keep_details(
        &self,
        state: &RunState,
        set: HeldOutSet,
        adapter: Digest,
        departments: Vec<Department>,
    ) {
        let launched = &state.launched;
        let data = match set {
            HeldOutSet::Validation => &launched.validation,
            HeldOutSet::Test => &launched.test,
        };
        let wanted = launched.spec.evaluation.sample_questions;
        let samples = match data {
            Some(data) if wanted > 0 => Some(self.sample(state, set, data, adapter).await),
            _ => None,
        };
        if samples.is_none() && departments.is_empty() {
            return;
        }
        let details = Details { adapter, attempt: state.test.attempt, departments, samples };
        let path = self.folder.details(launched.run);
        let folder = self.folder.clone();
        let written = blocking(move || {
            folder.create_details()?;
            details.write(&path)
        });
        if let Err(error) = written.await {
            tracing::warn!(run = %launched.run, %error, "the report will have no departments and no sample questions");
        }
    }

    async fn sample(&self, state: &RunState, set: HeldOutSet, data: &PinnedFile, adapter: Digest) -> Samples {
        let run = state.launched.run;
        let wanted = state.launched.spec.evaluation.sample_questions;
        let job = Job::Answer {
            model: model_job(state),
            data: data.clone(),
            base_fingerprint: state.launched.model_fingerprint,
            adapter: self.folder.blob(adapter),
            questions: wanted,
        };
        let (questions, reason) = match self.answers(&job).await {
            Ok(questions) if questions.len() < wanted => {
                let reason = "the file has no more that are short enough, or the time was over";
                (questions, Some(reason.to_owned()))
            }
            Ok(questions) => (questions, None),
            Err(error) => {
                tracing::warn!(%run, %error, "the sample questions were not answered");
                (Vec::new(), Some(error.to_string()))
            }
        };
        Samples { set, tokens_max: SAMPLE_TOKENS_MAX, questions, reason }
    }

    async fn answers(&self, job: &Job) -> Result<Vec<SampleQuestion>> {
        match self.evaluator.run(job).await? {
            Answer::Answered { questions } => Ok(questions),
            Answer::Failed { message, hint, user } => Err(Error::Model { message, hint, user }),
            _ => Err(Error::Internal("the evaluation answered something else".into())),
        }
    }
}
