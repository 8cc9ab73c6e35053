//! The last stage before the border: a raw update becomes the one file that may be sent for its round.
//!
//! Called by `agent_loop`; the only code that puts files into the outbox, and the only constructor of
//! `ProtectedUpdate`. It never copies a file: it reads the values of exactly the manifest's tensors, checks
//! each one (f32, finite, bounded) and writes them into a new file in the one canonical form, so nothing else
//! can ride along. Size and norm are bounded by the site's policy. Then fsync, rename, and one row in the
//! site's database; from then on (run, round) always yields this file. Later noise and masks belong here,
//! before the digest is taken.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use common::adapter::{AdapterError, AdapterReader, AdapterWriter};
use common::crash_point;
use common::durable;
use common::id::Digest;
use common::limits::{ADAPTER_VALUE_MAX, CHUNK_BYTES_MAX};
use common::run::RunManifest;
use common::wire::message::RoundKey;
use sha2::{Digest as _, Sha256};

use super::store::{Store, Update};
use crate::error::SiteError;
use crate::paths::StateFolder;
use crate::pipe::{RawFacts, round_file_stem};
use crate::policy::PolicyConfig;

/// Elements checked at once: 256 KiB.
const BLOCK_ELEMENTS: usize = 64 * 1024;

/// A file in the outbox that passed every check, and its row in the database.
#[derive(Clone, Debug, PartialEq)]
pub struct ProtectedUpdate {
    update: Update,
    path: PathBuf,
}

impl ProtectedUpdate {
    /// The recorded facts.
    #[must_use]
    pub fn update(&self) -> &Update {
        &self.update
    }

    /// The bytes at `offset`, at most one chunk; empty at the end of the file.
    ///
    /// # Errors
    /// `Io` when the file is gone or shorter than recorded.
    pub fn chunk(&self, offset: u64) -> Result<Vec<u8>, SiteError> {
        let left = self.update.bytes.saturating_sub(offset);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES_MAX);
        let mut bytes = vec![0; length];
        File::open(&self.path)
            .and_then(|file| file.read_exact_at(&mut bytes, offset))
            .map_err(|source| SiteError::io(&self.path, source))?;
        Ok(bytes)
    }

    /// Finds the update of a round that was protected before, and checks that its file still has its digest.
    ///
    /// # Errors
    /// `UpdateRefused` when the file was changed; `Io` when it is gone.
    pub fn find(folder: &StateFolder, store: &Store, key: RoundKey) -> Result<Option<Self>, SiteError> {
        let Some(update) = store.update(key)? else { return Ok(None) };
        let path = folder.outbox().join(update.digest.to_string());
        let (digest, bytes) = digest_of(&path)?;
        if (digest, bytes) != (update.digest, update.bytes) {
            return Err(SiteError::UpdateRefused { reason: "the file in the outbox was changed".into() });
        }
        Ok(Some(Self { update, path }))
    }
}

/// What the worker made of a round, and what the round asked for.
#[derive(Clone, Copy, Debug)]
pub struct RawUpdate<'a> {
    /// The round.
    pub key: RoundKey,
    /// What the worker says of its file.
    pub facts: &'a RawFacts,
    /// The run: which tensors of which shapes an update has.
    pub manifest: &'a RunManifest,
}

/// Checks the raw update of a round and makes it the update of that round.
///
/// # Errors
/// `UpdateRefused` when it does not pass; `Io` and `Store` when it cannot be stored.
pub fn protect(
    folder: &StateFolder,
    store: &mut Store,
    policy: &PolicyConfig,
    raw_update: &RawUpdate<'_>,
    now_ms: u64,
) -> Result<ProtectedUpdate, SiteError> {
    let RawUpdate { key, facts, manifest } = *raw_update;
    if let Some(before) = ProtectedUpdate::find(folder, store, key)? {
        return Ok(before);
    }
    let raw = folder.raw().join(format!("{}.safetensors", round_file_stem(key.run, key.round)));
    let part = folder.outbox().join(format!("{}.part", round_file_stem(key.run, key.round)));
    let (digest, bytes) = match rewrite(&raw, &part, facts, manifest, policy) {
        Ok(written) => written,
        Err(error) => {
            // The refused copy is of no use; the raw file stays for the people at the site.
            let _ = fs::remove_file(&part);
            return Err(error);
        }
    };
    let path = folder.outbox().join(digest.to_string());
    durable::publish(&part, &path).map_err(|source| SiteError::io(&path, source))?;
    crash_point!("site-outbox-written");
    let update = Update {
        key,
        digest,
        bytes,
        records: facts.records,
        tokens: facts.tokens,
        loss: facts.loss,
        receipt: None,
        declined: false,
    };
    let update = store.record_update(&update, now_ms)?;
    Ok(ProtectedUpdate { update, path })
}

/// Writes the checked values of `raw` into `part`, fsynced; returns the new file's digest and size.
fn rewrite(
    raw: &Path,
    part: &Path,
    facts: &RawFacts,
    manifest: &RunManifest,
    policy: &PolicyConfig,
) -> Result<(Digest, u64), SiteError> {
    let (raw_digest, raw_bytes) = digest_of(raw)?;
    if raw_digest != facts.digest {
        return refuse("it is not the file that the worker announced");
    }
    if raw_bytes > policy.update_bytes_max {
        return refuse(format!("it has {raw_bytes} bytes, the policy allows {}", policy.update_bytes_max));
    }
    let reader = AdapterReader::open(raw, &manifest.tensors).map_err(|error| refused(raw, error))?;
    let mut writer = AdapterWriter::create(part, &manifest.tensors).map_err(|error| refused(part, error))?;
    let mut sum_of_squares = 0.0_f64;
    let mut block = vec![0.0_f32; BLOCK_ELEMENTS];
    for (index, tensor) in manifest.tensors.iter().enumerate() {
        let elements = tensor.shape[0] * tensor.shape[1];
        for first in (0..elements).step_by(BLOCK_ELEMENTS) {
            let values = &mut block[..BLOCK_ELEMENTS.min(elements - first)];
            reader.read(index, first, values).map_err(|error| refused(raw, error))?;
            // `<=` is false for not-a-number, so one comparison covers all three refusals.
            if !values.iter().all(|value| value.abs() <= ADAPTER_VALUE_MAX) {
                return refuse(format!("{} holds a value that is not finite or too large", tensor.name));
            }
            sum_of_squares += values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
            writer.append(values).map_err(|error| refused(part, error))?;
        }
    }
    let norm = sum_of_squares.sqrt();
    if norm > policy.update_norm_max {
        return refuse(format!("its norm {norm:.1} exceeds the policy's {:.1}", policy.update_norm_max));
    }
    writer.finish().map_err(|error| refused(part, error))?;
    digest_of(part)
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, SiteError> {
    Err(SiteError::UpdateRefused { reason: reason.into() })
}

fn refused(path: &Path, error: AdapterError) -> SiteError {
    match error {
        AdapterError::Io(source) => SiteError::io(path, source),
        other => SiteError::UpdateRefused { reason: other.to_string() },
    }
}

/// SHA-256 and size of a file, read in blocks.
fn digest_of(path: &Path) -> Result<(Digest, u64), SiteError> {
    let at = |source| SiteError::io(path, source);
    let mut file = File::open(path).map_err(at)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; CHUNK_BYTES_MAX];
    let mut bytes = 0;
    loop {
        match file.read(&mut block).map_err(at)? {
            0 => return Ok((Digest(hasher.finalize().into()), bytes)),
            read => {
                hasher.update(&block[..read]);
                bytes += read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests;
