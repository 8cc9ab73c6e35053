//! The files of updates that come in: offer -> resume offset -> chunks -> checks -> durable file. Called by
//! `update`, from blocking threads; it neither journals nor signs. Invariants: bytes of different sites never
//! share a file; an update is accepted only if it has exactly the manifest's tensors, finite and bounded, and
//! if the site it counts for sent every byte (knowing the name of a file that is here is not enough); when
//! [`Intake::seal`] returns, the update is durable under its digest (fsync, rename, folder fsync).

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use common::adapter::{AdapterError, AdapterReader};
use common::durable;
use common::id::{Digest, Round, SiteId};
use common::limits::{
    ADAPTER_BYTES_MAX, ADAPTER_GROWTH_MAX, ADAPTER_NORM_MAX, SAFETENSORS_HEADER_BYTES_MAX, UNSYNCED_BYTES_MAX,
};
use common::run::{RunManifest, TensorSpec};
use common::wire::message::Refusal;

use crate::error::Error;
use crate::limits::{DISK_RESERVE_BYTES_MIN, PARTS_PER_SITE_MAX};
use crate::state_folder::{StateFolder, blobs, parts};

/// Takes updates in; clones share the per-site locks.
#[derive(Debug, Clone)]
pub struct Intake {
    folder: Arc<StateFolder>,
    /// A site's requests touch its partial files one at a time.
    busy: Arc<Mutex<HashMap<SiteId, Arc<Mutex<()>>>>>,
    /// The norms of the tensors of the adapter that was looked at last: all sites of a round have the same.
    last: Arc<Mutex<Option<LastNorms>>>,
}

/// The norms of an adapter's tensors, in the manifest's order.
#[derive(Debug)]
struct LastNorms {
    adapter: Digest,
    norms: Arc<[f64]>,
}

/// What an update is measured by.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The run's manifest: which tensors of which shapes.
    pub manifest: Digest,
    /// The round, which may train some of them.
    pub round: Round,
    /// The adapter that the round began with.
    pub last: Digest,
}

impl Intake {
    /// An intake that spools into `folder`.
    pub fn new(folder: StateFolder) -> Self {
        Self { folder: Arc::new(folder), busy: Arc::default(), last: Arc::default() }
    }

    /// Answers an offer of `bytes` bytes: the offset from which to send. `expected` is the size of the
    /// run's adapters; an update may differ from it by its header only.
    ///
    /// # Errors
    /// No update of this run can have this size, or there is no room for it.
    pub fn offer(&self, site: &SiteId, digest: Digest, bytes: u64, expected: u64) -> Result<u64, Refusal> {
        let longest = expected.saturating_add(SAFETENSORS_HEADER_BYTES_MAX as u64).min(ADAPTER_BYTES_MAX);
        if bytes == 0 || bytes > longest {
            return Err(Refusal::UpdateInvalid);
        }
        self.with_lock(site, || {
            let have = length_of(&self.folder.part(site, digest))?;
            // Twice: the part and, in the worst case, an aggregate of the same size beside it.
            self.must_have_room(site, bytes.saturating_sub(have).saturating_mul(2))?;
            Ok(have)
        })
    }

    /// Appends one chunk if it continues the part; returns the next offset either way, so that a site
    /// that lost an answer resumes where we are.
    ///
    /// # Errors
    /// The chunk goes beyond what was offered, or cannot be written.
    pub fn chunk(
        &self,
        site: &SiteId,
        digest: Digest,
        offered: u64,
        offset: u64,
        payload: &[u8],
    ) -> Result<u64, Refusal> {
        self.with_lock(site, || {
            let path = self.folder.part(site, digest);
            let have = length_of(&path)?;
            let Some(next) = place(have, offered, offset, payload.len() as u64)? else { return Ok(have) };
            if have == 0 {
                self.keep_within_quota(site, digest)?;
            }
            self.must_have_room(site, payload.len() as u64)?;
            append(&path, have, payload, next == offered).map_err(|error| {
                // A torn tail would never get the right digest: cut back to what was there.
                let _ = OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(have));
                refuse(site, "write an update", &error)
            })?;
            common::crash_point!("upload-after-chunk");
            Ok(next)
        })
    }

    /// Checks a complete upload and makes it durable under its digest. `Ok(Some(offset))` if bytes are
    /// still missing. An upload that fails a check is thrown away.
    ///
    /// # Errors
    /// The bytes are not those of the digest, not a valid update of the manifest, or cannot be kept.
    pub fn seal(
        &self,
        site: &SiteId,
        digest: Digest,
        offered: u64,
        terms: Terms,
    ) -> Result<Option<u64>, Refusal> {
        self.with_lock(site, || {
            let path = self.folder.part(site, digest);
            let have = length_of(&path)?;
            if have < offered {
                return Ok(Some(have));
            }
            if let Err(refusal) = self.inspect(site, &path, digest, terms) {
                if !refusal.is_retryable() {
                    let _ = fs::remove_file(&path);
                }
                return Err(refusal);
            }
            let synced = OpenOptions::new().write(true).open(&path).and_then(|file| file.sync_all());
            synced.map_err(|error| refuse(site, "sync an update", &error))?;
            common::crash_point!("update-before-rename");
            blobs::adopt(&self.folder, &path, digest).map_err(|error| {
                tracing::error!(%site, %error, "cannot keep an update");
                Refusal::Internal
            })?;
            common::crash_point!("update-after-rename");
            Ok(None)
        })
    }

    /// Makes room among the site's own parts for one with this digest: the oldest give way.
    fn keep_within_quota(&self, site: &SiteId, digest: Digest) -> Result<(), Refusal> {
        let own = self.folder.part(site, digest);
        let internal = |error: Error| {
            tracing::error!(%site, %error, "cannot keep a site within its quota");
            Refusal::Internal
        };
        let others: Vec<PathBuf> = parts::list(&self.folder, Some(site))
            .map_err(internal)?
            .into_iter()
            .filter(|part| *part != own)
            .collect();
        let surplus = (others.len() + 1).saturating_sub(PARTS_PER_SITE_MAX);
        for part in &others[..surplus] {
            tracing::warn!(%site, "an unfinished upload gives way to another one of the same site");
            blobs::remove(part).map_err(internal)?;
        }
        Ok(())
    }

    /// Uploads leave room on the disk for the database.
    fn must_have_room(&self, site: &SiteId, needed: u64) -> Result<(), Refusal> {
        match durable::free_bytes(&self.folder.spool()) {
            Ok(free) if has_room(free, needed) => Ok(()),
            Ok(free) => {
                tracing::error!(%site, free, needed, "no room for an update; make room on the disk");
                Err(Refusal::StorageFull)
            }
            Err(error) => Err(refuse(site, "measure free space", &error)),
        }
    }

    fn inspect(&self, site: &SiteId, path: &Path, digest: Digest, terms: Terms) -> Result<(), Refusal> {
        let found = blobs::digest_of(path).map_err(|error| {
            tracing::error!(%site, %error, "cannot read an update back");
            Refusal::Internal
        })?;
        if found != digest {
            tracing::warn!(%site, offered = %digest.short(), found = %found.short(), "update with another digest");
            return Err(Refusal::DigestMismatch);
        }
        let manifest = self.manifest(terms.manifest)?;
        let last = self.last_norms(site, terms.last, &manifest.tensors)?;
        let factors = manifest.factors(terms.round);
        let of_update =
            manifest.tensors.iter().zip(last.iter()).filter(|(one, _)| factors.include(&one.name));
        let (tensors, last): (Vec<TensorSpec>, Vec<f64>) =
            of_update.map(|(one, norm)| (one.clone(), *norm)).unzip();
        match check_tensors(path, &tensors, &last) {
            Ok(()) => Ok(()),
            Err(AdapterError::Io(error)) => Err(refuse(site, "read an update back", &error)),
            // The reason names tensors of our own manifest, never contents.
            Err(error) => {
                tracing::warn!(%site, %error, "update refused");
                Err(Refusal::UpdateInvalid)
            }
        }
    }

    /// The norms of the tensors of the adapter that the round began with, read once a round. The first site
    /// reads while others wait, who need the same.
    fn last_norms(
        &self,
        site: &SiteId,
        digest: Digest,
        tensors: &[TensorSpec],
    ) -> Result<Arc<[f64]>, Refusal> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.adapter == digest) {
            return Ok(Arc::clone(&last.norms));
        }
        let adapter = AdapterReader::open(&self.folder.blob(digest), tensors);
        let summary = adapter.and_then(|adapter| adapter.check_values()).map_err(|error| {
            tracing::error!(%site, %error, "cannot read the last adapter");
            Refusal::Internal
        })?;
        let norms: Arc<[f64]> = summary.norms().into();
        *last = Some(LastNorms { adapter: digest, norms: Arc::clone(&norms) });
        Ok(norms)
    }

    fn manifest(&self, manifest: Digest) -> Result<RunManifest, Refusal> {
        blobs::manifest(&self.folder, manifest).map_err(|error| {
            tracing::error!(%error, "cannot read the run's terms");
            Refusal::Internal
        })
    }

    fn with_lock<T>(&self, site: &SiteId, work: impl FnOnce() -> T) -> T {
        let lock = {
            let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(busy.entry(site.clone()).or_default())
        };
        let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}

/// Where a part ends that has `have` of the `offered` bytes once `length` more from `offset` on are appended;
/// `None` if they do not continue it.
///
/// # Errors
/// [`Refusal::BadRequest`] if they go beyond what was offered.
pub fn place(have: u64, offered: u64, offset: u64, length: u64) -> Result<Option<u64>, Refusal> {
    if offset != have {
        return Ok(None);
    }
    let next = have.saturating_add(length);
    if next > offered { Err(Refusal::BadRequest) } else { Ok(Some(next)) }
}

fn check_tensors(path: &Path, tensors: &[TensorSpec], last: &[f64]) -> Result<(), AdapterError> {
    let summary = AdapterReader::open(path, tensors)?.check_values()?;
    summary.check_norm(ADAPTER_NORM_MAX)?;
    summary.check_growth(last, ADAPTER_GROWTH_MAX)
}

/// Whether so many bytes may be written while so many are free.
fn has_room(free: u64, needed: u64) -> bool {
    free >= needed.saturating_add(DISK_RESERVE_BYTES_MIN)
}

fn append(path: &Path, offset: u64, payload: &[u8], last: bool) -> std::io::Result<()> {
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
    file.write_all_at(payload, offset)?;
    let next = offset + payload.len() as u64;
    if last || offset / UNSYNCED_BYTES_MAX != next / UNSYNCED_BYTES_MAX { file.sync_data() } else { Ok(()) }
}

fn length_of(path: &PathBuf) -> Result<u64, Refusal> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(_) => Err(Refusal::Internal),
    }
}

fn refuse(site: &SiteId, what: &str, error: &std::io::Error) -> Refusal {
    tracing::error!(%site, %error, "cannot {what}");
    if error.kind() == std::io::ErrorKind::StorageFull { Refusal::StorageFull } else { Refusal::Internal }
}

#[cfg(test)]
mod tests;
