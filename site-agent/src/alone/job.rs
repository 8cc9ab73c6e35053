//! What `site-agent train` asks of its locked child, and what the child says. Used by both ends:
//! `alone::control` at the command, `alone::child` and `alone::training` in the child. Invariant: nothing of
//! a record is in a message but its place.

use std::path::PathBuf;

use common::run::{AdapterSettings, BaseSettings, TrainingSettings};
use data::split::SchemeChoice;
use model::chat::PrepareReport;
use model::evaluate::Evaluation;
use model::train::Best;
use model::{Device, StepReport};
use sandbox::Lock;
use serde::{Deserialize, Serialize};

use super::folds::result::{FoldResult, FoldsTogether};

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
    /// What a record must say of its origin.
    pub provenance: data::ProvenanceRules,
    /// How many years old a record may be without a warning.
    pub years_max: Option<u16>,
    /// Weights of the data files, where they are mixed.
    pub mix: Option<Vec<u32>>,
    /// How the columns of the data files become records.
    pub mapping: Option<PathBuf>,
    /// A cross-validation in these folds, instead of one training.
    #[serde(default)]
    pub folds: Option<SchemeChoice>,
    /// How to train.
    pub settings: LocalSettings,
}

/// What the child says. Numbers, and words for the person at this terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TrainingReport {
    /// The records are read.
    Prepared(Box<Prepared>),
    /// The base model is loaded; training begins.
    Ready { total_steps: u64, passes: u64, resumed_from: u64, parameters: u64, rank: u64, alpha: f64 },
    /// The validation set, measured with the adapter as it is before the first step.
    Baseline(Evaluation),
    /// A cross-validation begins, or goes on behind the folds that are done.
    Folded { folds: u64, done: u64, without_answer: u64 },
    /// A fold's training begins; it is counted from 1.
    Fold { number: u64, training: u64, held_out: u64 },
    /// A fold is trained and measured.
    FoldMeasured(Box<FoldResult>),
    /// All folds are; what they say together.
    CrossValidated(Box<FoldsTogether>),
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

/// The records that are trained on, measured on and left out, in numbers.
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
    /// Where records are cut: as the settings say, or at the model's context.
    pub cutoff_tokens: u64,
    /// Records that cannot be used, by file, line and reason: the first few.
    pub left_out: Vec<String>,
    /// All of them.
    pub left_out_total: u64,
    /// That some records are older than the settings want, in a sentence.
    pub outdated: Option<String>,
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
