//! The last stage before the border: a raw update becomes the one file that may be sent for its round.
//!
//! Called by `agent_loop`; the only code that puts files into the outbox, and the only constructor of
//! `ProtectedUpdate`. It never copies a file: it reads the values of exactly the manifest's tensors, checks
//! each one (f32, finite, bounded), rounds it to the policy's number of mantissa bits and writes it into a
//! new file in the one canonical form, so that neither anything beside the values nor their last bits, which
//! training does not need, can carry something else. Size and norm are bounded by the site's policy. Then
//! fsync, rename, and one row in the site's database; from then on (run, round) always yields this file.
//! Later noise and masks belong here, before the digest is taken.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use common::adapter::{AdapterError, AdapterReader, AdapterWriter};
use common::crash_point;
use common::durable;
use common::id::Digest;
use common::limits::{ADAPTER_VALUE_MAX, CHUNK_BYTES_MAX, SAFETENSORS_HEADER_BYTES_MAX};
use common::run::{RunManifest, TensorSpec};
use common::wire::message::RoundKey;

use super::store::{Store, Update};
use crate::error::SiteError;
use crate::paths::StateFolder;
use crate::pipe::files::{self, Unfit};
use crate::pipe::{RawFacts, round_file_stem};
use crate::policy::PolicyConfig;

/// Elements checked at once: 256 KiB.
const BLOCK_ELEMENTS: usize = 64 * 1024;
/// Explicit mantissa bits of an f32.
const MANTISSA_BITS: u32 = 23;

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
        let found = files::open(&path, update.bytes)
            .and_then(|(file, _)| files::digest(&file, update.bytes))
            .map_err(|unfit| unfit_file(&path, unfit))?;
        if found != (update.digest, update.bytes) {
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
    let RawUpdate { key, facts, .. } = *raw_update;
    if let Some(before) = ProtectedUpdate::find(folder, store, key)? {
        return Ok(before);
    }
    let raw = folder.raw().join(format!("{}.safetensors", round_file_stem(key.run, key.round)));
    let part = folder.outbox().join(format!("{}.part", round_file_stem(key.run, key.round)));
    let (digest, bytes) = match canonical(&raw, &part, raw_update, &Limits::of(policy)) {
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

/// What the policy says of an update's values.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Mantissa bits that its values have.
    pub mantissa_bits: u32,
    /// Bytes of the raw file at most.
    pub bytes_max: u64,
    /// Norm over all its values at most.
    pub norm_max: f64,
}

impl Limits {
    /// Those of a site's policy.
    #[must_use]
    pub fn of(policy: &PolicyConfig) -> Self {
        Self {
            mantissa_bits: policy.update_mantissa_bits,
            bytes_max: policy.update_bytes_max,
            norm_max: policy.update_norm_max,
        }
    }
}

/// Writes the checked values of `raw` into `part`, fsynced; returns the new file's digest and size. Called by
/// [`protect`], by `replay`, which computes a past round again, and by the attack suite.
///
/// # Errors
/// `UpdateRefused` when it does not pass; `Io`.
pub fn canonical(
    raw: &Path,
    part: &Path,
    raw_update: &RawUpdate<'_>,
    limits: &Limits,
) -> Result<(Digest, u64), SiteError> {
    let RawUpdate { key, facts, manifest } = *raw_update;
    // Sizes first: hashing a file that claims terabytes would hold the gateway for hours.
    let most = raw_bytes_most(&manifest.tensors).min(limits.bytes_max);
    let (file, raw_bytes) = files::open(raw, most).map_err(|unfit| unfit_file(raw, unfit))?;
    let (raw_digest, _) = files::digest(&file, raw_bytes).map_err(|unfit| unfit_file(raw, unfit))?;
    if raw_digest != facts.digest {
        return refuse("it is not the file that the worker announced");
    }
    let reader = AdapterReader::of_file(file, &manifest.tensors).map_err(|error| refused(raw, error))?;
    // What the round does not train the coordinator has: it stays here.
    let (factors, sent) = (manifest.factors(key.round), manifest.update_tensors(key.round));
    let mut writer = AdapterWriter::create(part, &sent).map_err(|error| refused(part, error))?;
    let mut sum_of_squares = 0.0_f64;
    let mut block = vec![0.0_f32; BLOCK_ELEMENTS];
    for (index, tensor) in manifest.tensors.iter().enumerate() {
        if !factors.include(&tensor.name) {
            continue;
        }
        let elements = tensor.shape[0] * tensor.shape[1];
        for first in (0..elements).step_by(BLOCK_ELEMENTS) {
            let values = &mut block[..BLOCK_ELEMENTS.min(elements - first)];
            reader.read(index, first, values).map_err(|error| refused(raw, error))?;
            // `<=` is false for not-a-number, so one comparison covers all three refusals.
            if !values.iter().all(|value| value.abs() <= ADAPTER_VALUE_MAX) {
                return refuse(format!("{} holds a value that is not finite or too large", tensor.name));
            }
            for value in values.iter_mut() {
                *value = round_mantissa(*value, limits.mantissa_bits);
            }
            sum_of_squares += values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
            writer.append(values).map_err(|error| refused(part, error))?;
        }
    }
    let norm = sum_of_squares.sqrt();
    if norm > limits.norm_max {
        return refuse(format!("its norm {norm:.1} exceeds the policy's {:.1}", limits.norm_max));
    }
    writer.finish().map_err(|error| refused(part, error))?;
    files::open(part, u64::MAX)
        .and_then(|(file, bytes)| files::digest(&file, bytes))
        .map_err(|unfit| unfit_file(part, unfit))
}

/// The largest file that may hold these tensors: their values, a header, and the header's length.
fn raw_bytes_most(tensors: &[TensorSpec]) -> u64 {
    let values: u64 = tensors.iter().map(|tensor| 4 * (tensor.shape[0] * tensor.shape[1]) as u64).sum();
    8 + SAFETENSORS_HEADER_BYTES_MAX as u64 + values
}

/// `value`, of whose 23 mantissa bits the first `bits` are kept: rounded to the nearest, a tie to the even
/// one. Where that would exceed what an adapter's value may be, the bits are cut off instead. What is too
/// small to have a full mantissa is zero, and zero has no sign: neither matters to a training, and both are
/// room for a message.
fn round_mantissa(value: f32, bits: u32) -> f32 {
    if !value.is_normal() {
        return if value.is_finite() { 0.0 } else { value };
    }
    let dropped = MANTISSA_BITS.saturating_sub(bits);
    let word = value.to_bits();
    let kept = !((1_u32 << dropped) - 1);
    let half_minus_one = if dropped == 0 { 0 } else { (1 << (dropped - 1)) - 1 };
    let is_odd = if dropped == 0 { 0 } else { (word >> dropped) & 1 };
    let rounded = f32::from_bits((word + half_minus_one + is_odd) & kept);
    if rounded.abs() <= ADAPTER_VALUE_MAX { rounded } else { f32::from_bits(word & kept) }
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, SiteError> {
    Err(SiteError::UpdateRefused { reason: reason.into() })
}

fn refused(path: &Path, error: AdapterError) -> SiteError {
    match error {
        // A file that ends too soon is the worker's doing, and no fault of the disk.
        AdapterError::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
            SiteError::UpdateRefused { reason: "the file ends before its tensors do".into() }
        }
        AdapterError::Io(source) => SiteError::io(path, source),
        other => SiteError::UpdateRefused { reason: other.to_string() },
    }
}

fn unfit_file(path: &Path, unfit: Unfit) -> SiteError {
    match unfit {
        Unfit::Io(source) => SiteError::io(path, source),
        other => SiteError::UpdateRefused { reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests;
