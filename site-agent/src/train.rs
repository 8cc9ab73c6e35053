//! From records and a global adapter to a raw update. Runs in the worker, behind its locks.
//!
//! Called by `worker`. Invariants: the same (manifest, adapter, data) gives the same raw file, also when training was cut
//! short and resumed; a finished raw file is never trained again; nothing here knows of a network. Errors keep their
//! words for the log at the site and carry one code for the gateway.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::crash_point;
use common::durable;
use common::id::{Digest, RunId};
use common::limits::PROGRESS_INTERVAL_MS_MIN;
use common::run::RunManifest;
use common::wire::message::{RoundKey, TrainFailure};
use model::{Adapter, BaseModel, Checkpoint, Control, ModelError, StepReport, TrainData};
use serde::{Deserialize, Serialize};

use crate::config::AgentConfig;
use crate::local::{BlindedFacts, LeftOut, Progress, RawFacts, round_file_stem};
use crate::paths::StateFolder;

pub(crate) mod checkpoint;
mod files;
mod material;
pub(crate) mod metrics;
pub(crate) mod samples;
pub(crate) mod settings;

use checkpoint::CheckpointFile;
pub use files::Inbox;
use material::{SiteData, Usable};
use metrics::Metrics;
use samples::Samples;

/// Why a round cannot be trained: a code for the gateway, words for the log.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct TrainError {
    pub code: TrainFailure,
    pub words: String,
}

impl TrainError {
    pub(crate) fn new(code: TrainFailure, words: impl ToString) -> Self {
        Self { code, words: words.to_string() }
    }
}

/// What became of an order to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trained {
    /// The raw update is on disk.
    Finished(RawFacts),
    /// The caller asked to stop.
    Abandoned,
}

/// The base model and the samples, kept from round to round.
pub struct Trainer {
    config: AgentConfig,
    folder: StateFolder,
    data: Option<SiteData>,
    samples: Option<(Wanted, Samples, Option<LeftOut>)>,
    base: Option<BaseModel>,
}

/// What of a run's settings decides on the samples.
#[derive(Clone, Copy, PartialEq)]
struct Wanted {
    cutoff_tokens: usize,
    validation_share: f64,
    seed: u64,
    /// The run, where its records are compared with the held-out set.
    compared_in: Option<RunId>,
}

/// What became of an order to prepare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prepared {
    /// The base model is loaded and so many records will be trained on.
    Ready { base_fingerprint: Digest, records: u64, left_out: Option<LeftOut> },
    /// These points have to be evaluated by the coordinator first.
    Blinded(BlindedFacts),
}

/// Rounds whose metrics are kept: a row has about 250 bytes, so 100 rounds of 10,000 steps are 250 MB at most.
const METRICS_FILES_MAX: usize = 100;

/// What is stored beside a finished raw update, so that a restart need not train again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Finished {
    manifest: Digest,
    adapter: Digest,
    digest: Digest,
    records: u64,
    tokens: u64,
    loss: f64,
}

impl Trainer {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(config: AgentConfig, folder: StateFolder) -> Self {
        Self { config, folder, data: None, samples: None, base: None }
    }

    /// Compares the records with the held-out set as far as the files in the inbox allow; when that is done, prepares
    /// the samples and loads the base model as the manifest says.
    ///
    /// # Errors
    /// `DataUnreadable`, `NoRecords`, `BaseUnreadable`, `OverlapFailed`, `NotAllowed`.
    pub fn prepare(&mut self, run: RunId, manifest: Digest) -> Result<Prepared, TrainError> {
        let manifest = Inbox::new(&self.folder).manifest(manifest)?;
        if let Some(facts) = self.make_samples(run, &manifest)? {
            return Ok(Prepared::Blinded(facts));
        }
        let base_fingerprint = Digest(self.base(&manifest)?.fingerprint());
        let Some((_, samples, left_out)) = &self.samples else {
            return Err(TrainError::new(TrainFailure::WorkerFailed, "the samples were not kept"));
        };
        let records = samples.training.len() as u64;
        Ok(Prepared::Ready { base_fingerprint, records, left_out: *left_out })
    }

    /// Trains one round, or finds that it was trained before. `progress` is called at most once a second; it says
    /// whether to go on.
    ///
    /// # Errors
    /// A code and the words for the log.
    pub fn train(
        &mut self,
        key: RoundKey,
        manifest_digest: Digest,
        adapter_digest: Digest,
        progress: &mut dyn FnMut(Option<Progress>) -> Control,
    ) -> Result<Trained, TrainError> {
        if let Some(facts) = self.finished_before(key, manifest_digest, adapter_digest) {
            return Ok(Trained::Finished(facts));
        }
        let inbox = Inbox::new(&self.folder);
        let manifest = inbox.manifest(manifest_digest)?;
        let adapter_bytes = inbox.adapter(adapter_digest)?;
        if self.make_samples(key.run, &manifest)?.is_some() {
            let words = "the records were not compared with the held-out set";
            return Err(TrainError::new(TrainFailure::WorkerFailed, words));
        }
        self.base(&manifest)?;
        let (Some((_, samples, _)), Some(base)) = (&self.samples, &self.base) else {
            return Err(TrainError::new(TrainFailure::WorkerFailed, "the base model was not kept"));
        };
        let lora = settings::lora(&manifest.adapter);
        let adapter = Adapter::from_safetensors(&adapter_bytes, base.config(), &lora)
            .map_err(|error| TrainError::new(TrainFailure::BaseMismatch, error))?;
        drop(adapter_bytes);
        let checkpoint = CheckpointFile::of_round(&self.folder, key, manifest_digest, adapter_digest);
        let resume = checkpoint.read_or_start_again();
        let mut metrics = self.metrics(key, resume.as_ref().map_or(0, Checkpoint::step));
        let mut pace = Pace::new(Duration::from_secs(self.config.training.checkpoint_interval_s));
        let mut on_step = |report: &StepReport, save: &dyn Fn() -> Checkpoint| {
            let control = progress(pace.progress(report));
            if pace.is_checkpoint_due() && report.step < report.total_steps {
                // A checkpoint that cannot be written costs time after a crash, nothing else.
                if let Err(error) = checkpoint.write(&save()) {
                    tracing::warn!(error, "the checkpoint cannot be written");
                }
            }
            if let Some(Err(error)) = metrics.as_mut().map(|metrics| metrics.step(report)) {
                tracing::warn!(%error, "the metrics cannot be written; training goes on without");
                metrics = None;
            }
            crash_point!("site-training-step");
            control
        };
        let training = settings::of_round(&manifest.training, key.round);
        let data = TrainData { samples: &samples.training, validation: &samples.validation };
        let outcome =
            model::train(base, adapter, data, &training, resume, &mut on_step).map_err(|error| {
                if matches!(error, ModelError::Resume { .. }) {
                    // The records have changed since: the next attempt starts from the beginning.
                    checkpoint.remove();
                }
                train_error(error)
            })?;
        if !outcome.finished {
            return Ok(Trained::Abandoned);
        }
        let bytes = outcome.adapter.to_safetensors().map_err(train_error)?;
        let facts = RawFacts {
            digest: Digest::of(&bytes),
            records: samples.training.len() as u64,
            tokens: outcome.tokens,
            loss: outcome.mean_loss,
        };
        self.store(key, manifest_digest, adapter_digest, &bytes, &facts)?;
        checkpoint.remove();
        Ok(Trained::Finished(facts))
    }

    /// Forgets what is on disk of a round that is over without us.
    pub fn forget(&self, key: RoundKey) {
        let stem = round_file_stem(key.run, key.round);
        for path in
            [self.raw_path(key), self.facts_path(key), self.folder.work().join(format!("{stem}.checkpoint"))]
        {
            // Already gone is what we want; anything else is found when the round is trained again.
            let _ = fs::remove_file(path);
        }
    }

    /// Takes the site's records through the data room, once, and writes its manifest; returns the manifest's root.
    ///
    /// # Errors
    /// `DataUnreadable`, `NoRecords`; `NotAllowed` when the screen cannot be relied upon for these records.
    pub fn data_root(&mut self) -> Result<Digest, TrainError> {
        if let Some(data) = &self.data {
            return Ok(data.root);
        }
        let data = material::read(&self.config, &self.folder)?;
        Ok(self.data.insert(data).root)
    }

    /// Makes the samples of this run; `Some` when its records have to be compared with the held-out set first.
    fn make_samples(
        &mut self,
        run: RunId,
        manifest: &RunManifest,
    ) -> Result<Option<BlindedFacts>, TrainError> {
        let training = &manifest.training;
        let wanted = Wanted {
            cutoff_tokens: training.cutoff_tokens,
            validation_share: training.validation_share,
            seed: training.seed,
            compared_in: manifest.overlap.map(|_| run),
        };
        if self.samples.as_ref().is_some_and(|(prepared_for, ..)| *prepared_for == wanted) {
            return Ok(None);
        }
        if manifest.overlap.is_some() && !self.config.policy.overlap {
            let words =
                "the run compares records with its held-out set, which [policy] overlap does not allow";
            return Err(TrainError::new(TrainFailure::NotAllowed, words));
        }
        self.data_root()?;
        let Some(data) = &self.data else { return Ok(None) };
        let usable = material::usable(&data.documents, &self.folder, run, manifest.overlap.as_ref())?;
        let (documents, left_out) = match usable {
            Usable::Documents(documents, left_out) => (documents, left_out),
            Usable::Blinded(facts) => return Ok(Some(facts)),
        };
        let held_out = (wanted.validation_share, wanted.seed);
        let samples = samples::prepare(&documents, &self.config.model, wanted.cutoff_tokens, held_out)
            .map_err(|error| match error {
                ModelError::NothingSupervised { .. } => TrainError::new(TrainFailure::NoRecords, error),
                other => TrainError::new(TrainFailure::BaseUnreadable, other),
            })?;
        tracing::info!(report = ?samples.report, held_out = samples.validation.len(), "records prepared");
        self.samples = Some((wanted, samples, left_out));
        Ok(None)
    }

    /// The round's metrics in the site's logs. Without them the round is trained all the same.
    fn metrics(&self, key: RoundKey, resumed_from: u64) -> Option<Metrics> {
        let folder = self.folder.metrics();
        let path = folder.join(format!("{}.jsonl", round_file_stem(key.run, key.round)));
        let opened = metrics::keep_newest(&folder, METRICS_FILES_MAX - 1)
            .and_then(|()| Metrics::open(&path, resumed_from));
        opened.inspect_err(|error| tracing::warn!(%error, "no metrics are written")).ok()
    }

    fn base(&mut self, manifest: &RunManifest) -> Result<&BaseModel, TrainError> {
        let options = settings::load_options(&manifest.base);
        if self.base.as_ref().is_none_or(|base| base.options() != options) {
            // The old one goes first: there may not be room for two.
            self.base = None;
            let start = Instant::now();
            let base = BaseModel::load_on(&self.config.model, &options, self.config.training.placement())
                .map_err(|error| TrainError::new(TrainFailure::BaseUnreadable, error))?;
            tracing::info!(elapsed_ms = start.elapsed().as_millis() as u64, "base model loaded");
            self.base = Some(base);
        }
        self.base
            .as_ref()
            .ok_or_else(|| TrainError::new(TrainFailure::BaseUnreadable, "the base model was not kept"))
    }

    fn store(
        &self,
        key: RoundKey,
        manifest: Digest,
        adapter: Digest,
        bytes: &[u8],
        facts: &RawFacts,
    ) -> Result<(), TrainError> {
        let failed = |error: std::io::Error| TrainError::new(TrainFailure::WorkerFailed, error);
        durable::write(&self.raw_path(key), bytes, durable::ORDINARY).map_err(failed)?;
        crash_point!("site-raw-written");
        let finished = Finished {
            manifest,
            adapter,
            digest: facts.digest,
            records: facts.records,
            tokens: facts.tokens,
            loss: facts.loss,
        };
        let json = serde_json::to_vec_pretty(&finished).map_err(|error| failed(error.into()))?;
        durable::write(&self.facts_path(key), &json, durable::ORDINARY).map_err(failed)
    }

    /// The facts of a raw update that is complete, unchanged, and answers the same order.
    fn finished_before(&self, key: RoundKey, manifest: Digest, adapter: Digest) -> Option<RawFacts> {
        let finished: Finished = serde_json::from_slice(&fs::read(self.facts_path(key)).ok()?).ok()?;
        let is_same_order = finished.manifest == manifest && finished.adapter == adapter;
        let bytes = fs::read(self.raw_path(key)).ok()?;
        (is_same_order && Digest::of(&bytes) == finished.digest).then_some(RawFacts {
            digest: finished.digest,
            records: finished.records,
            tokens: finished.tokens,
            loss: finished.loss,
        })
    }

    fn raw_path(&self, key: RoundKey) -> PathBuf {
        self.folder.raw().join(format!("{}.safetensors", round_file_stem(key.run, key.round)))
    }

    fn facts_path(&self, key: RoundKey) -> PathBuf {
        self.folder.raw().join(format!("{}.json", round_file_stem(key.run, key.round)))
    }
}

fn train_error(error: ModelError) -> TrainError {
    let code = match &error {
        ModelError::NothingSupervised { .. } => TrainFailure::NoRecords,
        ModelError::Diverged { .. } => TrainFailure::UpdateRejected,
        ModelError::Setting { .. } => TrainFailure::NotAllowed,
        ModelError::Adapter { .. } => TrainFailure::BaseMismatch,
        _ => TrainFailure::WorkerFailed,
    };
    TrainError::new(code, error)
}

/// When to report and when to save.
struct Pace {
    started: Instant,
    tokens: u64,
    reported: Option<Instant>,
    saved: Instant,
    interval: Duration,
}

impl Pace {
    fn new(interval: Duration) -> Self {
        let now = Instant::now();
        Self { started: now, tokens: 0, reported: None, saved: now, interval }
    }

    /// What to report of this step, if it is time: the first step, then at most once a second, and the last.
    fn progress(&mut self, report: &StepReport) -> Option<Progress> {
        self.tokens += report.tokens;
        let is_due =
            self.reported.is_none_or(|at| at.elapsed() >= Duration::from_millis(PROGRESS_INTERVAL_MS_MIN));
        if !is_due && report.step < report.total_steps {
            return None;
        }
        self.reported = Some(Instant::now());
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        Some(Progress {
            step: u32::try_from(report.step).unwrap_or(u32::MAX),
            total_steps: u32::try_from(report.total_steps).unwrap_or(u32::MAX),
            loss: report.loss,
            // Saturating: a float beyond the range becomes the largest integer.
            tokens_per_s: (self.tokens as f64 / seconds) as u32,
        })
    }

    fn is_checkpoint_due(&mut self) -> bool {
        let is_due = self.saved.elapsed() >= self.interval;
        if is_due {
            self.saved = Instant::now();
        }
        is_due
    }
}

/// Whether a path exists as a folder; said before a library says it less clearly.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}
