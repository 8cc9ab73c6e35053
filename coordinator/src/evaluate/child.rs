//! The child's side: reads one job from stdin, works with the model crate, writes one answer to stdout.
//! Called by `cli` for the hidden subcommand `evaluate-child`. Invariants: no other file of this crate
//! loads a model; the locks come before the first file is opened; a failure is an answer, not an exit code.

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

use common::durable;
use common::id::Digest;
use common::run::TensorSpec;
use model::chat::ChatTokenizer;
use model::generate::GenerationDefaults;
use model::{Adapter, BaseModel, Device, ModelConfig};
use prepare::{PrepareError, held_out, settings};
use sandbox::process::ignore_hangups;

use super::measuring::{self, Measured};
use super::{Answer, ChildSettings, FirstAdapter, Job, ModelJob, OverlapJob};
use super::{asking, departments, initial, locks, questions};
use crate::error::Error;
use crate::limits::JOB_BYTES_MAX;
use crate::overlap;
use crate::round::launched::{PinnedFile, PinnedSuite};
use crate::state_folder::blobs;

/// Runs one job from stdin to stdout.
///
/// # Errors
/// The job cannot be read or the answer cannot be written.
pub fn serve_stdin(settings: &ChildSettings) -> io::Result<()> {
    let mut input = Vec::new();
    io::stdin().lock().take(JOB_BYTES_MAX).read_until(b'\n', &mut input)?;
    // A terminal that is closed ends nothing: `serve` decides when this process ends.
    ignore_hangups()?;
    let job = serde_json::from_slice::<Job>(&input);
    let locked = job.as_ref().map_or(Ok(()), |job| locks::enter(job, settings));
    // A thread, so not before the locks.
    end_with_parent();
    let answer = match (job, locked) {
        (Ok(_), Err(error)) => failed(&error),
        (Ok(job), Ok(())) => answer(&job, settings.device),
        (Err(error), _) => failed(&Error::Internal(format!("unreadable job: {error}"))),
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
        Job::Describe { model, data, suites, seed, from, initial, overlap } => {
            let first = from.as_ref().map_or(First::Fresh { seed: *seed }, First::From);
            describe(
                model,
                &Inputs { data, suites, first },
                &Outputs { initial, overlap: overlap.as_ref() },
                device,
            )
        }
        Job::Fingerprint { model } => load(model, device)
            .map(|base| Answer::Fingerprinted { fingerprint: Digest(base.fingerprint()) })
            .map_err(Error::from),
        Job::Score { model, data, base_fingerprint, adapters, batch_size } => {
            load(model, device).map_err(Error::from).and_then(|base| {
                initial::must_be_base(&model.model, &base, *base_fingerprint)?;
                score(model, data, &base, adapters, *batch_size)
            })
        }
        Job::ScoreAlone { model, data, base_fingerprint, adapter, together, batch_size } => {
            load(model, device).map_err(Error::from).and_then(|base| {
                initial::must_be_base(&model.model, &base, *base_fingerprint)?;
                score_alone(model, data, &base, (adapter, together.as_deref()), *batch_size)
            })
        }
        Job::Answer { model, data, base_fingerprint, adapter, questions } => {
            load(model, device).map_err(Error::from).and_then(|base| {
                initial::must_be_base(&model.model, &base, *base_fingerprint)?;
                ask(model, data, &base, adapter, *questions)
            })
        }
        Job::Suite { model, suite, base_fingerprint, adapter, resume } => {
            // Before the model, which takes long: a suite that changed is refused at once.
            asking::open(suite).and_then(|suite| {
                with_both(model, *base_fingerprint, adapter, device, |base, adapter| {
                    let figures = asking::figures(suite, base, &model.model, adapter, resume.as_deref())?;
                    Ok(Answer::Asked { figures: Box::new(figures) })
                })
            })
        }
        Job::Forgetting { model, base_fingerprint, adapter } => {
            with_both(model, *base_fingerprint, adapter, device, |base, adapter| {
                let figures = asking::forgetting(base, &model.model, adapter)?;
                Ok(Answer::Forgotten { figures: Box::new(figures) })
            })
        }
    };
    result.unwrap_or_else(|error| failed(&error))
}

/// Does this with the run's base model and an adapter of it.
fn with_both(
    job: &ModelJob,
    base_fingerprint: Digest,
    adapter: &Path,
    device: Device,
    work: impl FnOnce(&BaseModel, &Adapter) -> Result<Answer, Error>,
) -> Result<Answer, Error> {
    let base = load(job, device)?;
    initial::must_be_base(&job.model, &base, base_fingerprint)?;
    let adapter = read_adapter(adapter, base.config(), job)?;
    work(&base, &adapter)
}

/// What a description leaves on disk.
struct Outputs<'a> {
    /// Where to write the first adapter.
    initial: &'a Path,
    /// The set to publish for the held-out files.
    overlap: Option<&'a OverlapJob>,
}

/// What a description reads beside the model.
struct Inputs<'a> {
    /// Held-out files that must be usable.
    data: &'a [PathBuf],
    /// Suites that must be.
    suites: &'a [PinnedSuite],
    /// What the first adapter is made of.
    first: First<'a>,
}

/// What the first adapter is.
#[derive(Clone, Copy)]
enum First<'a> {
    Fresh { seed: u64 },
    From(&'a FirstAdapter),
}

fn describe(
    job: &ModelJob,
    inputs: &Inputs<'_>,
    outputs: &Outputs<'_>,
    device: Device,
) -> Result<Answer, Error> {
    let Inputs { data, suites, first } = *inputs;
    for path in data {
        held_out::samples_of(path, &job.model, job.cutoff_tokens)?;
    }
    // Before the model, which takes long.
    let suites = suites.iter().map(asking::open).collect::<Result<Vec<_>, Error>>()?;
    let base = load(job, device)?;
    asking::check(&suites, &base, &job.model)?;
    let lora = settings::lora(&job.adapter);
    lora.validate().map_err(PrepareError::from)?;
    let tensors = model::tensor_shapes(base.config(), &lora)
        .into_iter()
        .map(|(name, shape)| TensorSpec { name, shape })
        .collect();
    let adapter = match first {
        First::Fresh { seed } => Adapter::init(base.config(), &lora, seed).map_err(PrepareError::from)?,
        First::From(FirstAdapter::File(path)) => read_adapter(path, base.config(), job)?,
        First::From(FirstAdapter::Folder(path)) => initial::of_folder(path, &base, &lora)?,
    };
    let bytes = adapter.to_safetensors().map_err(PrepareError::from)?;
    durable::write(outputs.initial, &bytes, durable::ORDINARY)
        .map_err(Error::io("write", outputs.initial))?;
    let publish = |job: &OverlapJob| overlap::publish(data, &job.key, job.run, &job.out);
    let public_key = outputs.overlap.map(publish).transpose()?;
    Ok(Answer::Described { fingerprint: Digest(base.fingerprint()), tensors, public_key })
}

fn score(
    job: &ModelJob,
    data: &PinnedFile,
    base: &BaseModel,
    adapters: &[Option<PathBuf>],
    batch_size: usize,
) -> Result<Answer, Error> {
    must_be_unchanged(data)?;
    let held_out = held_out::samples_of(&data.path, &job.model, job.cutoff_tokens)?;
    let (mut scores, mut by_department) = (Vec::with_capacity(adapters.len()), Vec::new());
    let mut of_base: Option<Measured> = None;
    for path in adapters {
        let adapter = path.as_deref().map(|path| read_adapter(path, base.config(), job)).transpose()?;
        let mut measured = Measured::of(base, adapter.as_ref(), &held_out.samples, batch_size)?;
        if let Some(of_base) = &of_base {
            by_department = departments::by_department(&held_out.departments, &of_base.each, &measured.each);
            measured.metrics.paired = measured.beside(of_base);
        }
        scores.push(measured.metrics);
        if path.is_none() {
            of_base = Some(measured);
        }
    }
    Ok(Answer::Scored { scores, departments: by_department })
}

/// What one site trained alone, beside the base model and what sites trained together, where there is that.
fn score_alone(
    job: &ModelJob,
    data: &PinnedFile,
    base: &BaseModel,
    adapters: (&Path, Option<&Path>),
    batch_size: usize,
) -> Result<Answer, Error> {
    must_be_unchanged(data)?;
    let held_out = held_out::samples_of(&data.path, &job.model, job.cutoff_tokens)?;
    let measure = |path: Option<&Path>| -> Result<Measured, Error> {
        let adapter = path.map(|path| read_adapter(path, base.config(), job)).transpose()?;
        Ok(Measured::of(base, adapter.as_ref(), &held_out.samples, batch_size)?)
    };
    let (alone, together) = adapters;
    let together = together.map(|path| measure(Some(path))).transpose()?;
    let figures = measuring::figures(measure(None)?, measure(Some(alone))?, together);
    Ok(Answer::AloneScored { figures: Box::new(figures) })
}

/// Sample questions of a file, answered by the base model and with the adapter.
fn ask(
    job: &ModelJob,
    data: &PinnedFile,
    base: &BaseModel,
    adapter: &Path,
    wanted: usize,
) -> Result<Answer, Error> {
    must_be_unchanged(data)?;
    let tokenizer = ChatTokenizer::load(&job.model).map_err(PrepareError::from)?;
    let defaults = GenerationDefaults::read(&job.model).map_err(PrepareError::from)?;
    let records = held_out::records_of(&data.path)?;
    let chosen = questions::choose(&records, &tokenizer, wanted).map_err(PrepareError::from)?;
    let adapter = read_adapter(adapter, base.config(), job)?;
    let answered = questions::answer(&chosen, base, &adapter, &tokenizer, &defaults);
    Ok(Answer::Answered { questions: answered.map_err(PrepareError::from)? })
}

fn must_be_unchanged(data: &PinnedFile) -> Result<(), Error> {
    if blobs::digest_of(&data.path)? == data.digest {
        return Ok(());
    }
    Err(Error::Config { path: data.path.clone(), reason: "it changed since the run was launched".into() })
}

fn load(job: &ModelJob, device: Device) -> Result<BaseModel, PrepareError> {
    Ok(BaseModel::load_on(&job.model, &settings::load_options(&job.base), device)?)
}

fn read_adapter(path: &Path, config: &ModelConfig, job: &ModelJob) -> Result<Adapter, Error> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let lora = settings::lora(&job.adapter);
    Ok(Adapter::from_safetensors(&bytes, config, &lora).map_err(PrepareError::from)?)
}

fn failed(error: &Error) -> Answer {
    Answer::Failed { message: error.to_string(), hint: error.hint(), user: error.is_user_error() }
}
