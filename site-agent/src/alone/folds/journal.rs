//! The folds that are done, in the output folder: `cross-validation.partial.json` while it lasts,
//! `cross-validation.json` at the end. Called by `folds`. Invariant: folds of another base model, other
//! records, in other folds, or other settings are never gone on with.

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
use crate::alone::samples::Fold;
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

/// The key of a job over these folds, token by token, this base model and this start.
///
/// # Errors
/// `Internal` when the settings cannot be written.
pub(super) fn key_of(
    job: &TrainJob,
    folds: &[Fold],
    base: &[u8; 32],
    start: &Adapter,
) -> Result<String, SiteError> {
    let internal = |error: serde_json::Error| SiteError::Internal(error.to_string());
    let text =
        serde_json::to_vec(&(&job.settings, &job.folds, env!("CARGO_PKG_VERSION"))).map_err(internal)?;
    let mut hash = Sha256::new();
    hash.update(b"folds/1\0");
    hash.update(base);
    hash.update(Sha256::digest(start.to_safetensors().map_err(PrepareError::from)?));
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(&text);
    for fold in folds {
        hash.update((fold.samples.len() as u64).to_le_bytes());
        for (sample, group) in fold.samples.iter().zip(&fold.groups) {
            hash.update(group.to_le_bytes());
            hash.update((sample.tokens.len() as u64).to_le_bytes());
            for (token, is_learnt) in sample.tokens.iter().zip(&sample.supervised) {
                hash.update(token.to_le_bytes());
                hash.update([u8::from(*is_learnt)]);
            }
        }
    }
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
        let refused = |sentence, hint: &str| Err(SiteError::Data { sentence, hint: Some(hint.into()) });
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(found) if found.key == new.key => Ok(found),
            Ok(_) => refused(
                format!(
                    "{} was begun with another base model, other records or other settings",
                    folder.shown()
                ),
                "give it those it was begun with (training.json), or name another folder",
            ),
            Err(error) => refused(
                format!("{} cannot be read: {error}", path.display()),
                "name another folder; what is in this one is lost",
            ),
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
