//! The child's side: reads one job from stdin, works with the model crate, writes one answer to stdout.
//! Called by `cli` for the hidden subcommand `evaluate-child`. Invariants: no other file of this crate
//! loads a model; a failure is an answer, not an exit code.

mod records;

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use common::durable;
use common::id::Digest;
use common::run::{AdapterSettings, TensorSpec};
use model::{Adapter, BaseModel, Device, LoadOptions, LoraSettings, ModelConfig, ModelError, Sample};

use super::{Answer, Job, ModelJob, OverlapJob};
use crate::error::Error;
use crate::limits::JOB_BYTES_MAX;
use crate::overlap;
use crate::round::launched::PinnedFile;
use crate::round::state::Metrics;
use crate::state_folder::blobs;

/// Runs one job from stdin to stdout.
///
/// # Errors
/// The job cannot be read or the answer cannot be written.
pub fn serve_stdin(device: Device) -> io::Result<()> {
    let mut input = Vec::new();
    io::stdin().lock().take(JOB_BYTES_MAX).read_until(b'\n', &mut input)?;
    end_with_parent();
    let answer = match serde_json::from_slice(&input) {
        Ok(job) => answer(&job, device),
        Err(error) => failed(&Error::Internal(format!("unreadable job: {error}"))),
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(&serde_json::to_vec(&answer)?)?;
    stdout.flush()
}

/// Ends this process when stdin does: the coordinator keeps it open until it has our answer, so its end
/// means that the coordinator was killed and nobody will read what we compute.
fn end_with_parent() {
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = io::stdin().lock().take(JOB_BYTES_MAX).read_to_end(&mut rest);
        #[expect(clippy::exit, reason = "an orphan; abort would leave a core file with records in it")]
        std::process::exit(2);
    });
}

/// Does the job.
pub fn answer(job: &Job, device: Device) -> Answer {
    let result = match job {
        Job::Describe { model, data, seed, initial, overlap } => {
            describe(model, data, *seed, &Outputs { initial, overlap: overlap.as_ref() }, device)
        }
        Job::Score { model, data, adapters, batch_size } => score(model, data, adapters, *batch_size, device),
    };
    result.unwrap_or_else(|error| failed(&error))
}

/// The model crate's settings for a run file's adapter section.
pub fn lora_settings(settings: &AdapterSettings) -> LoraSettings {
    LoraSettings {
        rank: settings.rank,
        alpha: settings.alpha,
        use_rslora: settings.use_rslora,
        dropout: settings.dropout,
        target_modules: settings.target_modules.names(),
    }
}

/// A model crate's error, as the operator is told it.
pub fn model_error(error: &ModelError) -> Error {
    Error::Model { message: error.to_string(), hint: error.hint(), user: error.is_user_error() }
}

/// The data room's error, as the operator is told it.
fn data_error(path: &Path, error: &data::DataError) -> Error {
    match error {
        data::DataError::NoRecords { reason } => {
            Error::Config { path: path.to_path_buf(), reason: reason.clone() }
        }
        error => Error::Model { message: error.to_string(), hint: error.hint(), user: error.is_user_error() },
    }
}

/// What a description leaves on disk.
struct Outputs<'a> {
    /// Where to write the first adapter.
    initial: &'a Path,
    /// The set to publish for the held-out files.
    overlap: Option<&'a OverlapJob>,
}

fn describe(
    job: &ModelJob,
    data: &[PathBuf],
    seed: u64,
    outputs: &Outputs<'_>,
    device: Device,
) -> Result<Answer, Error> {
    for path in data {
        samples(job, path)?;
    }
    let base = load(job, device)?;
    let settings = lora_settings(&job.adapter);
    settings.validate().map_err(|error| model_error(&error))?;
    let tensors = model::tensor_shapes(base.config(), &settings)
        .into_iter()
        .map(|(name, shape)| TensorSpec { name, shape })
        .collect();
    let adapter = Adapter::init(base.config(), &settings, seed).map_err(|error| model_error(&error))?;
    let bytes = adapter.to_safetensors().map_err(|error| model_error(&error))?;
    durable::write(outputs.initial, &bytes, durable::ORDINARY)
        .map_err(Error::io("write", outputs.initial))?;
    let publish = |job: &OverlapJob| overlap::publish(data, &job.key, job.run, &job.out);
    let public_key = outputs.overlap.map(publish).transpose()?;
    Ok(Answer::Described { fingerprint: Digest(base.fingerprint()), tensors, public_key })
}

fn score(
    job: &ModelJob,
    data: &PinnedFile,
    adapters: &[Option<PathBuf>],
    batch_size: usize,
    device: Device,
) -> Result<Answer, Error> {
    if blobs::digest_of(&data.path)? != data.digest {
        return Err(Error::Config {
            path: data.path.clone(),
            reason: "it changed since the run was launched".into(),
        });
    }
    let samples = samples(job, &data.path)?;
    let base = load(job, device)?;
    let mut scores = Vec::with_capacity(adapters.len());
    for path in adapters {
        let started = Instant::now();
        let adapter = path.as_deref().map(|path| read_adapter(path, base.config(), job)).transpose()?;
        let measured = model::evaluate(&base, adapter.as_ref(), &samples, batch_size, &mut |_, _| {})
            .map_err(|error| model_error(&error))?;
        scores.push(Metrics {
            loss: measured.loss,
            perplexity: measured.perplexity,
            token_accuracy: measured.token_accuracy,
            supervised_tokens: measured.supervised_tokens,
            samples: measured.samples,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    }
    Ok(Answer::Scored { scores })
}

fn load(job: &ModelJob, device: Device) -> Result<BaseModel, Error> {
    let weights = match job.base.weights {
        common::run::WeightFormat::Nf4 => model::WeightFormat::Nf4,
        common::run::WeightFormat::F32 => model::WeightFormat::F32,
    };
    let compute = match job.base.compute {
        common::run::Compute::F32 => model::Compute::F32,
        common::run::Compute::Bf16 => model::Compute::Bf16,
    };
    BaseModel::load_on(&job.model, &LoadOptions { weights, compute }, device)
        .map_err(|error| model_error(&error))
}

fn read_adapter(path: &Path, config: &ModelConfig, job: &ModelJob) -> Result<Adapter, Error> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    Adapter::from_safetensors(&bytes, config, &lora_settings(&job.adapter))
        .map_err(|error| model_error(&error))
}

/// The records of a file as samples; refuses a file of which nothing is left to score.
fn samples(job: &ModelJob, path: &Path) -> Result<Vec<Sample>, Error> {
    let tokenizer = model::ChatTokenizer::load(&job.model).map_err(|error| model_error(&error))?;
    let dataset = data::read::read_all(&[path], &data::read::ReadOptions::default())
        .map_err(|error| data_error(path, &error))?;
    dataset.require_records().map_err(|error| data_error(path, &error))?;
    let named = |error: ModelError| match error {
        ModelError::NothingSupervised { reason } => Error::Config { path: path.to_path_buf(), reason },
        error => model_error(&error),
    };
    if let Some((place, reason)) = dataset.refused.first() {
        let (line, count) = (place.line, dataset.refused.len());
        tracing::warn!(file = %path.display(), count, line, %reason, "records left out");
    }
    let documents: Vec<_> = dataset.records.iter().map(records::document).collect();
    let prepared = tokenizer.prepare_documents(&documents, job.cutoff_tokens).map_err(named)?;
    tracing::info!(file = %path.display(), report = ?prepared.report, "prepared");
    Ok(prepared.samples)
}

fn failed(error: &Error) -> Answer {
    Answer::Failed { message: error.to_string(), hint: error.hint(), user: error.is_user_error() }
}
