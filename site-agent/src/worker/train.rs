//! From records and a global adapter to a raw update. Runs in the worker, behind its locks.
//!
//! Called by `worker`. Invariants: the same (manifest, adapter, data) gives the same raw file, also when
//! training was cut short and resumed; a finished raw file is never trained again; nothing here knows of a
//! network. Errors keep their words for the log at the site and carry one code for the gateway.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::crash_point;
use common::durable;
use common::id::{Digest, RunId};
use common::limits::ADAPTER_BYTES_MAX;
use common::run::RunManifest;
use common::wire::message::{RoundKey, TrainFailure};
use model::train::planned_steps;
use model::{Adapter, BaseModel, Checkpoint, ModelError, StepReport, TrainData};
use prepare::samples::{self, SampleSettings, Samples};
use prepare::settings;
use serde::{Deserialize, Serialize};

use super::inbox::Inbox;
use super::retention;
use super::train_error::TrainError;
use crate::config::AgentConfig;
use crate::limits::{FACTS_BYTES_MAX, METRICS_FILES_MAX};
use crate::paths::StateFolder;
use crate::pipe::files;
use crate::pipe::{BlindedFacts, LeftOut, RawFacts, round_file_stem};
use crate::policy::TrainingVolume;
use after_step::{AfterStep, Watch};
use checkpoint::CheckpointFile;
use material::{SiteData, Usable};
use metrics::Metrics;

pub mod after_step;
pub(crate) mod checkpoint;
mod material;
mod measuring;
pub(crate) mod metrics;

/// What a worker computes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A round, whose update may leave as far as the policy says.
    Round,
    /// `site-agent replay`: nothing of it leaves, and what the policy says today is no matter.
    Replay,
}

/// The result of an order to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trained {
    /// The raw update is on disk.
    Finished(RawFacts),
    /// The caller asked to stop.
    Abandoned,
}

/// The base model and the samples, kept from round to round. Another run gets another process
/// (`supervisor::child`), so nothing is kept from run to run.
pub struct RoundTrainer {
    config: AgentConfig,
    folder: StateFolder,
    purpose: Purpose,
    data: Option<SiteData>,
    samples: Option<RunSamples>,
    base: Option<BaseModel>,
}

/// The settings that the samples depend on: as long as these stay, the samples of the last round are used
/// again.
#[derive(Clone, Copy, PartialEq)]
struct SampleKey {
    settings: SampleSettings,
    /// The run, where its records are compared with the held-out set.
    compared_in: Option<RunId>,
}

/// The samples of a run, kept from round to round.
struct RunSamples {
    made_for: SampleKey,
    samples: Samples,
    /// Records that the comparison with the held-out set left out.
    left_out: Option<LeftOut>,
}

/// The result of an order to prepare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prepared {
    /// The base model is loaded and so many records will be trained on.
    Ready { base_fingerprint: Digest, records: u64, left_out: Option<LeftOut> },
    /// These points have to be evaluated by the coordinator first.
    Blinded(BlindedFacts),
}

/// An order to train: the round, and by digest the run's manifest and the global adapter to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainOrder {
    /// The round.
    pub key: RoundKey,
    /// The run's manifest.
    pub manifest: Digest,
    /// The global adapter.
    pub adapter: Digest,
}

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

impl RoundTrainer {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(config: AgentConfig, folder: StateFolder, purpose: Purpose) -> Self {
        Self { config, folder, purpose, data: None, samples: None, base: None }
    }

    /// Loads the base model as the manifest says, compares the records with the held-out set as far as the
    /// files in the inbox allow, and when that is done prepares the samples.
    ///
    /// # Errors
    /// `DataUnreadable`, `NoRecords`, `BaseUnreadable`, `BaseMismatch`, `OverlapFailed`, `NotAllowed`.
    pub fn prepare(&mut self, key: RoundKey, manifest: Digest) -> Result<Prepared, TrainError> {
        let manifest = Inbox::new(&self.folder).manifest(manifest)?;
        self.permits_terms(&manifest)?;
        retention::tidy(&self.folder, &round_file_stem(key.run, key.round));
        // First: a site with another model learns so before it sends points or compares anything.
        let base_fingerprint = Digest(self.base(&manifest)?.fingerprint());
        if base_fingerprint != manifest.base_fingerprint {
            let words = format!(
                "the model folder has the fingerprint {base_fingerprint}, the run's base model {}",
                manifest.base_fingerprint
            );
            return Err(TrainError::new(TrainFailure::BaseMismatch, words));
        }
        if let Some(facts) = self.make_samples(key.run, &manifest)? {
            return Ok(Prepared::Blinded(facts));
        }
        self.permits_volume(&manifest)?;
        let Some(kept) = &self.samples else {
            return Err(TrainError::new(TrainFailure::WorkerFailed, "the samples were not kept"));
        };
        let records = kept.samples.training.len() as u64;
        Ok(Prepared::Ready { base_fingerprint, records, left_out: kept.left_out })
    }

    /// Trains one round, or finds that it was trained before. `watch` hears of every step and says whether to
    /// go on.
    ///
    /// # Errors
    /// A code and the words for the log.
    pub fn train(&mut self, order: &TrainOrder, watch: &mut dyn Watch) -> Result<Trained, TrainError> {
        let TrainOrder { key, .. } = *order;
        if let Some(facts) = self.finished_before(order) {
            return Ok(Trained::Finished(facts));
        }
        let inbox = Inbox::new(&self.folder);
        let manifest = inbox.manifest(order.manifest)?;
        self.permits_terms(&manifest)?;
        let adapter_bytes = inbox.adapter(order.adapter)?;
        if self.make_samples(key.run, &manifest)?.is_some() {
            let words = "the records were not compared with the held-out set";
            return Err(TrainError::new(TrainFailure::WorkerFailed, words));
        }
        self.base(&manifest)?;
        self.permits_volume(&manifest)?;
        let (Some(RunSamples { samples, .. }), Some(base)) = (&self.samples, &self.base) else {
            return Err(TrainError::new(TrainFailure::WorkerFailed, "the base model was not kept"));
        };
        let lora = settings::lora(&manifest.adapter);
        let adapter = Adapter::from_safetensors(&adapter_bytes, base.config(), &lora)
            .map_err(|error| TrainError::new(TrainFailure::BaseMismatch, error))?;
        drop(adapter_bytes);
        let checkpoint = CheckpointFile::of_round(&self.folder, key, order.manifest, order.adapter);
        let resume = checkpoint.read_or_start_again();
        let metrics = self.metrics(key, resume.as_ref().map_or(0, Checkpoint::step));
        let interval = Duration::from_secs(self.config.training.checkpoint_interval_s);
        let mut after = AfterStep::new(checkpoint, metrics, interval, watch);
        let mut on_step = |report: &StepReport, save: &dyn Fn() -> Checkpoint| {
            let control = after.step(report, save);
            crash_point!("site-training-step");
            control
        };
        let training =
            settings::of_round(&manifest.training, manifest.aggregation.method, key.round, manifest.rounds);
        let data = TrainData { samples: &samples.training, validation: &samples.validation };
        let trained = model::train(base, adapter, data, &training, resume, &mut on_step);
        let checkpoint = after.into_checkpoint();
        let outcome = trained.inspect_err(|error| {
            if matches!(error, ModelError::Resume { .. }) {
                // The records have changed since: the next attempt starts from the beginning.
                checkpoint.remove();
            }
        })?;
        if !outcome.finished {
            return Ok(Trained::Abandoned);
        }
        let bytes = outcome.adapter.to_safetensors()?;
        let facts = RawFacts {
            digest: Digest::of(&bytes),
            records: samples.training.len() as u64,
            tokens: outcome.tokens,
            loss: outcome.mean_loss,
        };
        self.store(order, &bytes, &facts)?;
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

    /// Takes the site's records through the data room, once, and writes its manifest; returns the manifest's
    /// root.
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

    /// Makes the samples of this run; `Some` when its records have to be compared with the held-out set
    /// first.
    fn make_samples(
        &mut self,
        run: RunId,
        manifest: &RunManifest,
    ) -> Result<Option<BlindedFacts>, TrainError> {
        let training = &manifest.training;
        let wanted = SampleKey {
            settings: SampleSettings {
                cutoff_tokens: training.cutoff_tokens,
                // The run decides whether records are held out, the site how many.
                validation_share: if training.validation_share > 0.0 {
                    self.config.training.validation_share
                } else {
                    0.0
                },
                seed: training.seed,
            },
            compared_in: manifest.overlap.map(|_| run),
        };
        if self.samples.as_ref().is_some_and(|kept| kept.made_for == wanted) {
            return Ok(None);
        }
        if self.purpose == Purpose::Round && manifest.overlap.is_some() && !self.config.policy.overlap {
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
        let samples =
            samples::of_documents(&documents, &self.config.model, wanted.settings).map_err(|error| {
                let nothing = error.is_nothing_supervised();
                let code = if nothing { TrainFailure::NoRecords } else { TrainFailure::BaseUnreadable };
                TrainError::new(code, error)
            })?;
        tracing::info!(report = ?samples.report, held_out = samples.validation.len(), "records prepared");
        self.samples = Some(RunSamples { made_for: wanted, samples, left_out });
        Ok(None)
    }

    /// Whether the policy allows the run's terms.
    fn permits_terms(&self, manifest: &RunManifest) -> Result<(), TrainError> {
        match self.purpose {
            Purpose::Round => self.config.policy.permits_terms(manifest).map_err(TrainError::forbidden),
            Purpose::Replay => Ok(()),
        }
    }

    /// Whether the policy lets an update be trained on so much; asked when samples and base are there.
    fn permits_volume(&self, manifest: &RunManifest) -> Result<(), TrainError> {
        if self.purpose == Purpose::Replay {
            return Ok(());
        }
        let (Some(RunSamples { samples, .. }), Some(base)) = (&self.samples, &self.base) else {
            return Err(TrainError::new(TrainFailure::WorkerFailed, "the samples were not kept"));
        };
        let training = settings::training(&manifest.training);
        let planned = planned_steps(base, &samples.training, &training)?;
        let volume = TrainingVolume {
            records: samples.training.len() as u64,
            records_of_a_round: planned.samples_min,
            tokens: samples.training.iter().map(|sample| sample.tokens.len() as u64).sum(),
            // Not the round's own: a site takes part in every round of a run or in none.
            steps: planned.steps_min,
            steps_of_a_pass: planned.steps_of_a_pass,
        };
        self.config.policy.permits_volume(&manifest.training, volume).map_err(TrainError::forbidden)
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

    fn store(&self, order: &TrainOrder, bytes: &[u8], facts: &RawFacts) -> Result<(), TrainError> {
        let failed = |error: std::io::Error| TrainError::new(TrainFailure::WorkerFailed, error);
        durable::write(&self.raw_path(order.key), bytes, durable::ORDINARY).map_err(failed)?;
        crash_point!("site-raw-written");
        let finished = Finished {
            manifest: order.manifest,
            adapter: order.adapter,
            digest: facts.digest,
            records: facts.records,
            tokens: facts.tokens,
            loss: facts.loss,
        };
        let json = serde_json::to_vec_pretty(&finished).map_err(|error| failed(error.into()))?;
        durable::write(&self.facts_path(order.key), &json, durable::ORDINARY).map_err(failed)
    }

    /// The facts of a raw update that is complete, unchanged, and answers the same order.
    fn finished_before(&self, order: &TrainOrder) -> Option<RawFacts> {
        let facts = files::read(&self.facts_path(order.key), FACTS_BYTES_MAX).ok()?;
        let finished: Finished = serde_json::from_slice(&facts).ok()?;
        let is_same_order = finished.manifest == order.manifest && finished.adapter == order.adapter;
        let bytes = files::read(&self.raw_path(order.key), ADAPTER_BYTES_MAX).ok()?;
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
