//! Training at one site without a consortium: what `site-agent train` has a locked child do.
//!
//! The command (`cli::train`) starts this binary again as the hidden `trainer` and hands it a [`TrainJob`] over a pipe. The
//! child takes the worker's locks before it opens a record: no network of any kind, files only as the job names them.
//! Closing the pipe asks it to stop at the next step; it then leaves a checkpoint. Invariant: nothing is under the
//! output folder's final names before training is complete.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::run::{AdapterSettings, BaseSettings, TrainingSettings};
use data::DataError;
use model::chat::PrepareReport;
use model::evaluate::Evaluation;
use model::train::Best;
use model::{Device, ModelError, StepReport};
use serde::{Deserialize, Serialize};

use crate::error::SiteError;
use crate::local::{read_message, write_message};
use crate::sandbox::gpu::GpuFiles;
use crate::sandbox::{self, FileRules, Lock};
use crate::worker::quiet_panics;

mod job;
mod out;

pub use out::{OutFolder, OutState, state_of};

/// The settings of a training that is no round: three sections of a run file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalSettings {
    /// The adapter's shape.
    pub adapter: AdapterSettings,
    /// How to train.
    pub training: TrainingSettings,
    /// How the base is held in memory.
    pub base: BaseSettings,
}

/// What the child is to do. All paths are absolute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainJob {
    /// Folder of the base model.
    pub model: PathBuf,
    /// Training records.
    pub data: Vec<PathBuf>,
    /// Records to measure on; may be empty.
    pub validation: Vec<PathBuf>,
    /// A PEFT folder to start from.
    pub start: Option<PathBuf>,
    /// Where the result goes; exists.
    pub out: PathBuf,
    /// What the result names as its base model.
    pub base_name: String,
    /// Whether a checkpoint in `out` is to be continued.
    pub resume: bool,
    /// Seconds between two checkpoints; 0 makes one after every step.
    pub checkpoint_interval_s: u64,
    /// Locks that may be missing.
    pub allow_missing: Vec<Lock>,
    /// Where to compute.
    pub device: Device,
    /// What is done about identifiers in the records.
    pub screen: data::screen::Mode,
    /// Weights of the data files, where they are mixed.
    pub mix: Option<Vec<u32>>,
    /// How the columns of the data files become records.
    pub mapping: Option<PathBuf>,
    /// How to train.
    pub settings: LocalSettings,
}

/// What the child says. Numbers, and words for the person at this terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromTrainer {
    /// The records are read.
    Prepared(Box<Prepared>),
    /// The base model is loaded; training begins.
    Ready { total_steps: u64, passes: u64, resumed_from: u64, parameters: u64, rank: u64, alpha: f64 },
    /// The validation set, measured with the adapter as it is before the first step.
    Baseline(Evaluation),
    /// One optimiser step.
    Step(StepReport),
    /// A checkpoint or the metrics cannot be written; training goes on.
    Warning(String),
    /// Stopped on request; a checkpoint is in the folder.
    Stopped { step: u64, total_steps: u64 },
    /// The adapter is in the folder.
    Finished(Summary),
    /// It cannot be done.
    Failed { sentence: String, hint: Option<String>, is_user_error: bool },
}

/// What became of the records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// Of the training files.
    pub report: PrepareReport,
    /// Of the validation files, if there are some.
    pub validation_report: Option<PrepareReport>,
    /// Samples that are trained on.
    pub training: u64,
    /// Samples that are measured on.
    pub validation: u64,
    /// Records that cannot be used, by file, line and reason: the first few.
    pub left_out: Vec<String>,
    /// All of them.
    pub left_out_total: u64,
}

/// The result in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Optimiser steps done.
    pub steps: u64,
    /// Optimiser steps planned.
    pub total_steps: u64,
    /// Whether patience ran out.
    pub stopped_early: bool,
    /// Mean training loss.
    pub mean_loss: f64,
    /// The lowest validation loss.
    pub best: Option<Best>,
    /// Whether the adapter is the one of `best`.
    pub kept_best: bool,
    /// Seconds, those before a resume included.
    pub elapsed_s: f64,
    /// LoRA rank: what a server must allow.
    pub rank: u64,
}

/// The body of the child: reads the job, takes the locks, works, and says what happened.
///
/// # Errors
/// `Pipe` when the command is gone. What goes wrong with the job is said in [`FromTrainer::Failed`].
pub fn run_child() -> Result<(), SiteError> {
    quiet_panics();
    sandbox::process::die_with_parent().map_err(|source| SiteError::Internal(source.to_string()))?;
    let text: Option<String> = read_message(&mut io::stdin().lock())?;
    let text = text.ok_or_else(|| SiteError::Pipe("no job came".to_owned()))?;
    let job: TrainJob = serde_json::from_str(&text).map_err(|error| SiteError::Pipe(error.to_string()))?;
    let result = crate::worker::lock_command(&rules(&job), &job.allow_missing).and_then(|()| {
        let stop = stop_when_closed()?;
        job::work(&job, &stop, &mut |message| write_message(&mut io::stdout().lock(), message))
    });
    match result {
        // Nobody is left to be told.
        Err(error @ SiteError::Pipe(_)) => Err(error),
        Err(error) => {
            let failed = FromTrainer::Failed {
                sentence: error.to_string(),
                hint: error.hint(),
                is_user_error: error.is_user_error(),
            };
            write_message(&mut io::stdout().lock(), &failed)
        }
        Ok(()) => Ok(()),
    }
}

fn rules(job: &TrainJob) -> FileRules {
    let mut read = vec![job.model.clone()];
    read.extend(job.data.iter().chain(&job.validation).chain(&job.start).chain(&job.mapping).cloned());
    FileRules { read, write: vec![job.out.clone()], gpu: GpuFiles::needed(job.device) }
}

/// A flag that is set when the command closes the pipe, or dies.
fn stop_when_closed() -> Result<Arc<AtomicBool>, SiteError> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    std::thread::Builder::new()
        .name("stop".into())
        .spawn(move || {
            // No further message is ever sent: whatever comes, it is the end.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            seen.store(true, Ordering::SeqCst);
        })
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    Ok(flag)
}

fn model_error(error: ModelError) -> SiteError {
    match error {
        ModelError::Internal { .. } => SiteError::Internal(error.to_string()),
        error => SiteError::Data { sentence: error.to_string(), hint: error.hint() },
    }
}

fn data_error(error: DataError) -> SiteError {
    match error {
        DataError::Internal { .. } => SiteError::Internal(error.to_string()),
        error => SiteError::Data { sentence: error.to_string(), hint: error.hint() },
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> SiteError + '_ {
    move |source| SiteError::io(path, source)
}
