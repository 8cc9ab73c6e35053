//! The folds that are done, in the output folder: `cross-validation.partial.json` while it lasts,
//! `cross-validation.json` at the end. Called by `folds`. Invariant: folds of another base model, other
//! records or other settings are never gone on with.

use std::fs;

use common::durable;
use common::id::Digest;
use data::split::SchemeChoice;
use model::Adapter;
use prepare::PrepareError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::result::{FoldResult, FoldsTogether};
use crate::alone::job::TrainJob;
use crate::alone::out::OutFolder;
use crate::error::SiteError;

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    /// SHA-256 over everything that determines the folds.
    key: String,
    scheme: SchemeChoice,
    /// In order, from the first.
    folds: Vec<FoldResult>,
    /// When all are done.
    #[serde(default)]
    together: Option<FoldsTogether>,
}

/// The key of a job over these records, this base model and this start.
///
/// # Errors
/// `Internal` when the settings cannot be written.
pub(super) fn key_of(
    job: &TrainJob,
    root: &str,
    base: &[u8; 32],
    start: &Adapter,
) -> Result<String, SiteError> {
    let internal = |error: serde_json::Error| SiteError::Internal(error.to_string());
    let text = serde_json::to_vec(&(&job.settings, &job.folds, root)).map_err(internal)?;
    let mut hash = Sha256::new();
    hash.update(b"folds/1\0");
    hash.update(base);
    hash.update(Sha256::digest(start.to_safetensors().map_err(PrepareError::from)?));
    hash.update(&text);
    Ok(Digest(hash.finalize().into()).to_string())
}

impl Journal {
    /// Finds the folds that are done, where the command goes on with some.
    ///
    /// # Errors
    /// `Io`; `Data` when they are of another base model, of other records or of other settings.
    pub(super) fn open(folder: &OutFolder, key: String, scheme: SchemeChoice) -> Result<Self, SiteError> {
        let path = folder.folds_partial();
        let new = Self { key, scheme, folds: Vec::new(), together: None };
        if !path.exists() {
            return Ok(new);
        }
        let bytes = fs::read(&path).map_err(SiteError::at(&path))?;
        let found: Option<Self> = serde_json::from_slice(&bytes).ok();
        match found {
            Some(found) if found.key == new.key => Ok(found),
            _ => Err(SiteError::Data {
                sentence: format!(
                    "{} was begun with another base model, other records or other settings",
                    folder.shown()
                ),
                hint: Some("give it those it was begun with (training.json), or name another folder".into()),
            }),
        }
    }

    pub(super) fn results(&self) -> &[FoldResult] {
        &self.folds
    }

    /// A fold is done.
    ///
    /// # Errors
    /// `Io`, mostly a full disk: the fold is then trained again from its checkpoint.
    pub(super) fn add(&mut self, folder: &OutFolder, result: FoldResult) -> Result<(), SiteError> {
        self.folds.push(result);
        self.write(folder)
    }

    /// All are.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn finish(mut self, folder: &OutFolder, together: FoldsTogether) -> Result<(), SiteError> {
        self.together = Some(together);
        self.write(folder)?;
        let path = folder.folds_done();
        durable::publish(&folder.folds_partial(), &path).map_err(SiteError::at(&path))
    }

    fn write(&self, folder: &OutFolder) -> Result<(), SiteError> {
        let path = folder.folds_partial();
        let bytes =
            serde_json::to_vec_pretty(self).map_err(|error| SiteError::Internal(error.to_string()))?;
        durable::write(&path, &bytes, durable::ORDINARY).map_err(SiteError::at(&path))
    }
}
