//! `site-agent data`: what may be trained on, before anything is trained. One file a verb.
//!
//! Every verb that opens records takes the worker's locks first, in this very process: no socket of any family, no file but
//! those named. What is found is said to the person at this terminal, in files they asked for, and nowhere else.

use std::path::{Path, PathBuf};

use data::DataError;

use super::absolute;
use crate::error::SiteError;
use crate::sandbox::FileRules;

mod check;
mod json;
mod options;
mod show;
mod summary;

const EXAMPLES: &str = "\
Examples:
  What of these files may be trained on, and why is the rest not?
    site-agent data check 2024.jsonl 2025.csv --model /srv/models/qwen2.5-0.5b

  Look at the seventh record, with what the screen found and what the model will learn:
    site-agent data show 7 2024.jsonl --model /srv/models/qwen2.5-0.5b";

/// Check records before they are trained on.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Arguments),
    Show(show::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments),
        Command::Show(arguments) => show::run(arguments),
    }
}

/// Takes the worker's locks: reads `read`, writes `write`, no network.
pub(super) fn lock(read: Vec<PathBuf>, write: Vec<PathBuf>) -> Result<(), SiteError> {
    crate::worker::quiet_panics();
    crate::worker::lock(&FileRules { read, write, gpu: None }, &[])
}

/// The files as absolute paths; each must be there, because a lock on a path that is not there cannot be taken.
pub(super) fn existing(paths: &[PathBuf]) -> Result<Vec<PathBuf>, SiteError> {
    paths.iter().map(|path| exists(path)).collect()
}

fn exists(path: &Path) -> Result<PathBuf, SiteError> {
    let path = absolute(path)?;
    std::fs::metadata(&path).map_err(|source| SiteError::io(&path, source))?;
    Ok(path)
}

fn data_error(error: DataError) -> SiteError {
    if error.is_user_error() {
        SiteError::Data { sentence: error.to_string(), hint: error.hint() }
    } else {
        SiteError::Internal(error.to_string())
    }
}

fn model_error(error: model::ModelError) -> SiteError {
    if error.is_user_error() {
        SiteError::Data { sentence: error.to_string(), hint: error.hint() }
    } else {
        SiteError::Internal(error.to_string())
    }
}
