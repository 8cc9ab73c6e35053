//! The output folder of `site-agent train`: what is in it when.
//!
//! ```text
//! training.json              what was asked for          from the start
//! metrics.jsonl              a row a step                from the first step
//! training.checkpoint        for --resume                until the end
//! adapter_model.safetensors  PEFT's two files            at the end, the configuration last
//! adapter_config.json
//!
//! of a cross-validation, in place of these three lines:
//! folds/N/                   metrics and checkpoint of a fold
//! cross-validation.partial.json  the folds that are done
//! cross-validation.json      all of them, at the end
//! ```
//!
//! Called by `cli::train` (may we start here?) and by `alone::training` and `folds` (everything else).
//! Invariant: a folder with `adapter_config.json` or `cross-validation.json` is complete.

use std::fs;
use std::path::{Path, PathBuf};

use common::durable;
use data::split::SchemeChoice;
use model::{Adapter, save_peft};
use prepare::PrepareError;

use super::job::TrainJob;
use crate::error::SiteError;
use crate::worker::train::checkpoint::CheckpointFile;

/// PEFT's two files, the one that makes the folder an adapter last.
const PEFT_FILES: [&str; 2] = ["adapter_model.safetensors", "adapter_config.json"];
/// What a cross-validation found.
const FOLDS: &str = "cross-validation.json";
/// What it has found so far.
const FOLDS_PARTIAL: &str = "cross-validation.partial.json";
/// Where PEFT's files are made before they are moved up.
const ADAPTER_STAGING: &str = "adapter.new";

/// What an output folder holds before a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutState {
    /// Nothing; or it does not exist.
    Empty,
    /// A training that has begun.
    Begun,
    /// A finished training.
    Finished,
    /// Something else.
    Foreign,
}

/// Looks at an output folder.
///
/// # Errors
/// `Io` when it cannot be read.
pub fn state_of(folder: &Path) -> Result<OutState, SiteError> {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(OutState::Empty),
        Err(source) => return Err(SiteError::io(folder, source)),
    };
    Ok(if folder.join(PEFT_FILES[1]).exists() || folder.join(FOLDS).exists() {
        OutState::Finished
    } else if folder.join("training.json").exists() {
        OutState::Begun
    } else if entries.next().is_none() {
        OutState::Empty
    } else {
        OutState::Foreign
    })
}

/// The folds that the training in a folder was begun with; `None` for one training, or where nothing says.
#[must_use]
pub fn folds_begun(folder: &Path) -> Option<SchemeChoice> {
    let bytes = fs::read(folder.join("training.json")).ok()?;
    serde_json::from_slice::<TrainJob>(&bytes).ok()?.folds
}

/// The output folder, in use.
pub struct OutFolder {
    root: PathBuf,
}

impl OutFolder {
    /// Writes down what was asked for, or finds it there.
    ///
    /// # Errors
    /// `Io`; `Internal` when the job cannot be written as JSON.
    pub fn begin(job: &TrainJob) -> Result<Self, SiteError> {
        let folder = Self { root: job.out.clone() };
        let path = folder.root.join("training.json");
        if !path.exists() {
            let json =
                serde_json::to_vec_pretty(job).map_err(|error| SiteError::Internal(error.to_string()))?;
            durable::write(&path, &json, durable::ORDINARY).map_err(SiteError::at(&path))?;
        }
        Ok(folder)
    }

    /// The metrics file.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// The folder as a person knows it.
    pub(super) fn shown(&self) -> std::path::Display<'_> {
        self.root.display()
    }

    /// Checkpoint and metrics of a fold; its folder is made.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn fold(&self, number: u64) -> Result<(CheckpointFile, PathBuf), SiteError> {
        let folder = self.fold_folder(number);
        fs::create_dir_all(&folder).map_err(SiteError::at(&folder))?;
        let checkpoint = CheckpointFile::at(folder.join("training.checkpoint"));
        Ok((checkpoint, folder.join("metrics.jsonl")))
    }

    /// A fold's result is written: its checkpoint goes.
    pub(super) fn fold_done(&self, number: u64) {
        CheckpointFile::at(self.fold_folder(number).join("training.checkpoint")).remove();
    }

    fn fold_folder(&self, number: u64) -> PathBuf {
        self.root.join("folds").join(number.to_string())
    }

    /// The folds that are done.
    pub(super) fn folds_partial(&self) -> PathBuf {
        self.root.join(FOLDS_PARTIAL)
    }

    /// All folds, when they are.
    pub(super) fn folds_done(&self) -> PathBuf {
        self.root.join(FOLDS)
    }

    /// The checkpoint.
    pub(super) fn checkpoint(&self) -> CheckpointFile {
        CheckpointFile::at(self.root.join("training.checkpoint"))
    }

    /// Makes the folder a PEFT folder.
    ///
    /// # Errors
    /// `Io`, mostly a full disk; the checkpoint is still there then.
    pub fn finish(&self, adapter: &Adapter, base_name: &str) -> Result<(), SiteError> {
        let staging = self.root.join(ADAPTER_STAGING);
        if staging.exists() {
            // Of a process that was killed here.
            fs::remove_dir_all(&staging).map_err(SiteError::at(&staging))?;
        }
        save_peft(adapter, &staging, base_name).map_err(PrepareError::from)?;
        for name in PEFT_FILES {
            let path = self.root.join(name);
            durable::publish(&staging.join(name), &path).map_err(SiteError::at(&path))?;
        }
        fs::remove_dir(&staging).map_err(SiteError::at(&staging))?;
        self.checkpoint().remove();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_holds_is_told_apart() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("out");
        assert_eq!(state_of(&folder).unwrap(), OutState::Empty);
        fs::create_dir(&folder).unwrap();
        assert_eq!(state_of(&folder).unwrap(), OutState::Empty);
        fs::write(folder.join("letter.txt"), "x").unwrap();
        assert_eq!(state_of(&folder).unwrap(), OutState::Foreign);
        fs::write(folder.join("training.json"), "{}").unwrap();
        assert_eq!(state_of(&folder).unwrap(), OutState::Begun);
        fs::write(folder.join(FOLDS), "{}").unwrap();
        assert_eq!(state_of(&folder).unwrap(), OutState::Finished);
        fs::remove_file(folder.join(FOLDS)).unwrap();
        fs::write(folder.join("adapter_config.json"), "{}").unwrap();
        assert_eq!(state_of(&folder).unwrap(), OutState::Finished);
        assert!(state_of(&folder.join("letter.txt")).is_err());
    }
}
