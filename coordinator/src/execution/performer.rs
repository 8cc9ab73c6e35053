//! Performs the scheduler's effects: aggregate, evaluate, publish, clean up. Called by `driver` in a
//! task of its own; each effect ends in the event that reports it. Invariant: performing an effect twice
//! leaves the same files, named by the same digests.

mod aggregation_error;
mod alone;
pub mod asking;
mod details;
mod leave_one_out;
mod server_step;

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::id::{Digest, Round, RunId, SiteId};
use common::run::Factors;
use serde::{Deserialize, Serialize};

use self::server_step::ServerStep;
use super::averaging::Averaging;
use crate::aggregate::{AggregateError, Combining, Input};
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::evaluate::details::{Department, HeldOutSet};
use crate::evaluate::{Answer, Evaluator, Job, ModelJob};
use crate::limits::{EFFECT_ATTEMPTS_MAX, EFFECT_WAIT_MS_MAX, EFFECT_WAIT_MS_MIN, EVALUATION_ATTEMPTS_MAX};
use crate::overlap;
use crate::round::effect::Effect;
use crate::round::event::Event;
use crate::round::launched::PinnedFile;
use crate::round::state::{Metrics, Outlier, RunState, Score, ServerState, Update};
use crate::round::{veto, weight};
use crate::state_folder::{ANSWERS, StateFolder, blobs, parts};

/// Does what effects ask; clones share everything.
#[derive(Debug, Clone)]
pub struct Performer {
    folder: Arc<StateFolder>,
    evaluator: Evaluator,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

/// What did not succeed, and is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The run.
    pub run: RunId,
    /// `aggregate` or `publish`.
    pub what: String,
    /// One sentence.
    pub reason: String,
}

impl Performer {
    /// A performer for this state folder.
    pub fn new(folder: StateFolder, evaluator: Evaluator) -> Self {
        Self { folder: Arc::new(folder), evaluator, trouble: Arc::default() }
    }

    /// What does not succeed at the moment.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Performs one effect and returns the event that reports it.
    pub async fn perform(&self, state: &RunState, effect: Effect) -> Option<Event> {
        match effect {
            Effect::ScoreBase => {
                let score = self.score_one(state, None).await;
                // A fresh adapter is the base model.
                let initial = match &state.launched.spec.initial {
                    None => None,
                    Some(_) => Some(self.score_one(state, Some(state.launched.initial)).await),
                };
                Some(Event::BaseScored { score, initial })
            }
            Effect::Aggregate { round, inputs } => {
                self.collect_parts().await;
                let work = || self.aggregate(state, round, &inputs);
                Some(self.persist(state.launched.run, "aggregate", work).await)
            }
            Effect::Score { round, adapter } => {
                let score = self.score_one(state, Some(adapter)).await;
                Some(Event::Scored { round, score: self.with_samples(state, round, adapter, score).await })
            }
            Effect::Publish { round, adapter } => {
                let work = || self.publish(round, adapter);
                Some(self.persist(state.launched.run, "publish", work).await)
            }
            Effect::MeasureAlone { site, set, adapter, .. } => {
                Some(self.measure_alone(state, site, set, adapter).await)
            }
            Effect::OpenTest => {
                let attempt = state.test.attempt;
                Some(match self.ready_for_test(state).await {
                    Ok(file) => Event::TestOpened { file, attempt },
                    Err(error) => Event::TestPutOff { reason: error.to_string(), attempt },
                })
            }
            Effect::ScoreTest { adapter } => Some(self.score_test(state, adapter).await),
            Effect::Finish => {
                self.clean_up(state).await;
                None
            }
            Effect::Announce { .. } => {
                // Sites watch the published state. What was begun for an earlier round counts no more.
                self.collect_parts().await;
                None
            }
            // The driver has answered the site; it knows who is out of reach.
            Effect::Answer(_) | Effect::ChooseSites { .. } => None,
        }
    }

    async fn aggregate(&self, state: &RunState, round: Round, inputs: &[(SiteId, Update)]) -> Result<Event> {
        let started = Instant::now();
        if let Some(record) = state.round(round) {
            let run = state.launched.run;
            weight::warnings(state, record).iter().for_each(|warning| tracing::warn!(%run, "{warning}"));
        }
        let (folder, launched) = (Arc::clone(&self.folder), &state.launched);
        let terms = Terms {
            manifest: launched.manifest,
            combining: (&launched.spec.aggregation).into(),
            factors: launched.spec.aggregation.method.factors(round, launched.spec.rounds),
            last: state.round(round).map_or(launched.initial, |record| record.from),
            server: launched.spec.aggregation.server_rule().map(|rule| ServerStep {
                run: launched.run,
                round,
                rule,
                before: state.server_state(),
            }),
        };
        let out = folder.spool().join(format!("aggregate-{}-{round}", state.launched.run));
        let inputs = self.inputs(inputs.iter().map(|(site, update)| (site, update)));
        let (digest, server_state, outliers) =
            blocking(move || aggregate_files(&folder, &terms, &inputs, &out)).await?;
        for Outlier { site, norm_factor, cosine } in &outliers {
            tracing::warn!(run = %state.launched.run, %round, %site, norm_factor, cosine, "an update far from the others");
        }
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Event::Aggregated { round, digest, aggregation_error: None, duration_ms, outliers, server_state })
    }

    /// Updates as they are averaged, each with what it was when it was accepted.
    fn inputs<'a>(&self, updates: impl Iterator<Item = (&'a SiteId, &'a Update)>) -> Vec<(Input, Digest)> {
        let input = |(site, update): (&SiteId, &Update)| {
            let path = self.folder.blob(update.digest);
            (Input { site: site.clone(), path, records: update.records }, update.digest)
        };
        updates.map(input).collect()
    }

    /// The aggregate is already durable; what is published must still be what was scored.
    async fn publish(&self, round: Round, adapter: Digest) -> Result<Event> {
        let path = self.folder.blob(adapter);
        let found = blocking(move || blobs::digest_of(&path)).await?;
        if found == adapter {
            Ok(Event::RoundPublished { round })
        } else {
            Err(blobs::damaged("aggregate", adapter))
        }
    }

    async fn score_one(&self, state: &RunState, adapter: Option<Digest>) -> Score {
        let Some(data) = &state.launched.validation else {
            return Score::Unevaluated { reason: "the run has no validation file".into() };
        };
        let adapter = adapter.map(|digest| self.folder.blob(digest));
        match self.score(state, data, vec![adapter]).await {
            Ok((scores, _)) => scores.first().copied().map_or_else(no_score, Score::Measured),
            Err(error) => Score::Unevaluated { reason: error.to_string() },
        }
    }

    /// The last round of a run without a test file is all that it measures: its samples are of the validation
    /// file. What they take is part of the evaluation's time.
    async fn with_samples(&self, state: &RunState, round: Round, adapter: Digest, mut score: Score) -> Score {
        let is_last = state.launched.test.is_none() && round.0 == state.launched.spec.rounds;
        // The final model is another one then, or none.
        let adapter = match (veto::forbids(state, &score), state.published()) {
            (false, _) => adapter,
            (true, 0) => return score,
            (true, _) => state.model(),
        };
        if let (true, Score::Measured(metrics)) = (is_last, &mut score) {
            let started = Instant::now();
            self.keep_details(state, HeldOutSet::Validation, adapter, Vec::new()).await;
            let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            metrics.duration_ms = metrics.duration_ms.saturating_add(took_ms);
        }
        score
    }

    /// Tries again as long as that can help; then the run ends with the reason.
    async fn persist<F, W>(&self, run: RunId, what: &str, work: F) -> Event
    where
        F: Fn() -> W,
        W: Future<Output = Result<Event>>,
    {
        let mut wait_ms = EFFECT_WAIT_MS_MIN;
        for attempt in 1..=EFFECT_ATTEMPTS_MAX {
            let error = match work().await {
                Ok(event) => {
                    self.note(None);
                    return event;
                }
                Err(error) => error,
            };
            // The same work on the same files: a fault of ours, panic included, would come again.
            let is_final = match &error {
                Error::Internal(_) | Error::Interrupted(_) => true,
                Error::Aggregate(error) => !error.is_retryable(),
                _ => attempt == EFFECT_ATTEMPTS_MAX,
            };
            if is_final {
                self.note(None);
                return Event::EffectFailed { reason: error.to_string() };
            }
            tracing::error!(what, attempt, %error, "failed; trying again");
            self.note(Some(Trouble { run, what: what.to_owned(), reason: error.to_string() }));
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            wait_ms = (wait_ms * 2).min(EFFECT_WAIT_MS_MAX);
        }
        Event::EffectFailed { reason: format!("{what} was never tried") }
    }

    /// The test set is measured once, so everything else has to be there before: the base model can be loaded
    /// and is the run's, and the file is the one that was launched with.
    async fn ready_for_test(&self, state: &RunState) -> Result<Digest> {
        let test = state.launched.test.clone();
        let mut test = test.ok_or_else(|| Error::Internal("the run has no test file".into()))?;
        let mut model = model_job(state);
        if let Some(place) = &state.test.place {
            (test.path, model.model) = (place.test.clone(), place.model.clone());
        }
        // A site's own adapter costs its own row where it is damaged; here is what all are compared with.
        let wanted = state.launched.beside.map_or_else(|| state.model(), |beside| beside.adapter);
        let (path, adapter) = (test.path.clone(), self.folder.blob(wanted));
        let found = blocking(move || {
            // Also the adapter: of a file that is gone nothing can be measured.
            Ok((blobs::digest_of(&adapter)?, blobs::digest_of(&path)?))
        });
        let (adapter, file) = found.await?;
        if adapter != wanted {
            return Err(blobs::damaged("published adapter", wanted));
        }
        if file != test.digest {
            let reason = "it changed since the run was launched".to_owned();
            return Err(Error::Config { path: test.path, reason });
        }
        let expected = state.launched.model_fingerprint;
        let folder = model.model.clone();
        match self.evaluator.run(&Job::Fingerprint { model }).await? {
            Answer::Fingerprinted { fingerprint } if fingerprint == expected => Ok(test.digest),
            Answer::Fingerprinted { .. } => Err(Error::Config {
                path: folder,
                reason: "it is not the base model that the run was trained on".into(),
            }),
            Answer::Failed { message, hint, user } => Err(Error::Model { message, hint, user }),
            _ => Err(Error::Internal("the evaluation answered something else".into())),
        }
    }

    async fn score_test(&self, state: &RunState, adapter: Digest) -> Event {
        let attempt = state.test.attempt;
        let scores = match &state.launched.test {
            Some(data) => self.score(state, data, vec![None, Some(self.folder.blob(adapter))]).await,
            None => Err(Error::Internal("the run has no test file".into())),
        };
        match scores {
            Ok((scores, departments)) => {
                self.keep_details(state, HeldOutSet::Test, adapter, departments).await;
                let at = |index: usize| scores.get(index).copied().map_or_else(no_score, Score::Measured);
                Event::TestScored { base: at(0), federated: at(1), attempt }
            }
            Err(error) => {
                let unevaluated = Score::Unevaluated { reason: error.to_string() };
                Event::TestScored { base: unevaluated.clone(), federated: unevaluated, attempt }
            }
        }
    }

    /// Runs the evaluation child; once more if it fails.
    async fn score(
        &self,
        state: &RunState,
        data: &PinnedFile,
        adapters: Vec<Option<PathBuf>>,
    ) -> Result<(Vec<Metrics>, Vec<Department>)> {
        let job = Job::Score {
            model: model_job(state),
            data: data.clone(),
            base_fingerprint: state.launched.model_fingerprint,
            adapters: adapters.clone(),
            batch_size: state.launched.spec.training.batch_size,
        };
        let take = |answer, took| match answer {
            Answer::Scored { scores, departments } if scores.len() == adapters.len() => {
                Some((with_duration(scores, took), departments))
            }
            _ => None,
        };
        self.ask(state.launched.run, &job, take).await
    }

    /// Has the evaluation child do a job, once more if it fails; `take` knows the answer.
    async fn ask<T>(&self, run: RunId, job: &Job, take: impl Fn(Answer, Duration) -> Option<T>) -> Result<T> {
        let mut attempt = 1;
        loop {
            let (answer, took) = self.evaluator.run_timed(job).await;
            let error = match answer {
                Ok(Answer::Failed { message, hint, user }) => Error::Model { message, hint, user },
                Ok(answer) => match take(answer, took) {
                    Some(found) => return Ok(found),
                    None => Error::Internal("the evaluation answered something else".into()),
                },
                Err(error) => error,
            };
            tracing::warn!(%run, attempt, %error, "evaluation failed");
            if attempt == EVALUATION_ATTEMPTS_MAX {
                return Err(error);
            }
            attempt += 1;
        }
    }

    /// Where things are.
    pub(super) fn folder(&self) -> &StateFolder {
        &self.folder
    }

    /// Removes what the closed round left behind: uploads that were never finished.
    async fn collect_parts(&self) {
        let folder = Arc::clone(&self.folder);
        match blocking(move || parts::remove(&folder, None)).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "unfinished uploads of a closed round are gone"),
            Err(error) => tracing::warn!(%error, "cannot collect unfinished uploads"),
        }
    }

    /// Removes unfinished uploads and the run's key for comparisons; blobs stay. What is in the spool is of
    /// another run where this one was stopped in the queue.
    async fn clean_up(&self, state: &RunState) {
        let (run, has_begun) = (state.launched.run, state.has_begun());
        let (spool, folder) = (self.folder.spool(), Arc::clone(&self.folder));
        let result = blocking(move || {
            overlap::delete_key(&folder, run)?;
            if !has_begun {
                return Ok(());
            }
            for entry in std::fs::read_dir(&spool).map_err(Error::io("read", &spool))? {
                let path = entry.map_err(Error::io("read", &spool))?.path();
                // A folder is that of a launch, perhaps of the next run's; what a suite's models said goes
                // with the suite's outcome.
                if !path.is_dir() && path.extension().is_none_or(|end| end != ANSWERS) {
                    blobs::remove(&path)?;
                }
            }
            Ok(())
        });
        if let Err(error) = result.await {
            tracing::warn!(%error, "cannot clean the spool");
        }
    }
}

/// The settings and files that decide the average of a round.
struct Terms {
    manifest: Digest,
    combining: Combining,
    /// What the round trains.
    factors: Factors,
    /// The adapter that the round began with.
    last: Digest,
    /// What follows from the mean, where it is not the next adapter itself.
    server: Option<ServerStep>,
}

fn aggregate_files(
    folder: &StateFolder,
    terms: &Terms,
    inputs: &[(Input, Digest)],
    out: &std::path::Path,
) -> Result<(Digest, Option<ServerState>, Vec<Outlier>)> {
    let manifest = blobs::manifest(folder, terms.manifest)?;
    let last = folder.blob(terms.last);
    let Terms { combining, factors, .. } = *terms;
    let averaging = Averaging { inputs, combining, tensors: &manifest.tensors, factors, last: &last };
    let outliers = averaging.write(out)?;
    let stepped = terms.server.map(|step| step.perform(folder, &manifest.tensors, out, terms.last));
    let stepped = stepped.transpose().map_err(|error| named(error, &outliers))?;
    let (next, server_state) = match stepped {
        None => (out.to_path_buf(), None),
        Some((next, server_state)) => (next, Some(server_state)),
    };
    let digest = blobs::digest_of(&next)?;
    blobs::adopt(folder, &next, digest)?;
    common::crash_point!("aggregate-after-file");
    Ok((digest, server_state, outliers))
}

/// A step that was refused names the updates that are far from the others, as a refused mean does.
fn named(error: Error, far: &[Outlier]) -> Error {
    match error {
        Error::Aggregate(AggregateError::Refused { source, .. }) => {
            Error::Aggregate(AggregateError::Refused { source, outliers: far.to_vec() })
        }
        other => other,
    }
}

/// The part of a job that the run file says.
pub fn model_job(state: &RunState) -> ModelJob {
    let spec = &state.launched.spec;
    ModelJob {
        model: state.launched.model.clone(),
        base: spec.base,
        adapter: spec.adapter.clone(),
        cutoff_tokens: spec.training.cutoff_tokens,
    }
}

/// What a measurement cost as seen from here: starting the child and loading the model included.
fn with_duration(mut scores: Vec<Metrics>, elapsed: Duration) -> Vec<Metrics> {
    let each = elapsed.as_millis() / u128::from(scores.len().max(1) as u64);
    scores.iter_mut().for_each(|metrics| metrics.duration_ms = u64::try_from(each).unwrap_or(u64::MAX));
    scores
}

fn no_score() -> Score {
    Score::Unevaluated { reason: "the evaluation gave no numbers".into() }
}

#[cfg(test)]
mod tests;
