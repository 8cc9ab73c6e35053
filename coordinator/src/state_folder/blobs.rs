//! Finished files, named by the SHA-256 of their bytes: adapters, manifests and published sets. Used by
//! `requests`, `execution`, `evaluate`, `export` and `cli::check`. Invariant: a blob is written once and
//! never changed; a file that is there is complete.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use common::durable;
use common::id::Digest;
use common::limits::CHUNK_BYTES_MAX;
use common::run::{RunManifest, SignedManifest};
use sha2::{Digest as _, Sha256};

use super::StateFolder;
use crate::error::{Error, Result};

/// Stores small bytes under their digest.
///
/// # Errors
/// The file cannot be written.
pub fn put(folder: &StateFolder, bytes: &[u8]) -> Result<Digest> {
    let digest = Digest::of(bytes);
    let path = folder.blob(digest);
    if !path.is_file() {
        durable::write(&path, bytes, durable::ORDINARY).map_err(Error::io("write", &path))?;
    }
    Ok(digest)
}

/// The terms of a run, if the blob is still what its name says.
///
/// # Errors
/// The blob cannot be read, or holds other bytes or no terms of this version.
pub fn manifest(folder: &StateFolder, digest: Digest) -> Result<RunManifest> {
    signed_manifest(folder, digest).map(|signed| signed.manifest)
}

/// The same with who signed them.
///
/// # Errors
/// As [`manifest`].
pub fn signed_manifest(folder: &StateFolder, digest: Digest) -> Result<SignedManifest> {
    let path = folder.blob(digest);
    let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
    if Digest::of(&bytes) != digest {
        return Err(Error::Internal(format!("{} is not what its name says", path.display())));
    }
    SignedManifest::from_bytes(&bytes).map_err(|error| Error::Internal(error.to_string()))
}

/// Moves a finished, fsynced file to its digest's name.
///
/// # Errors
/// The file cannot be moved.
pub fn adopt(folder: &StateFolder, finished: &Path, digest: Digest) -> Result<PathBuf> {
    let path = folder.blob(digest);
    durable::publish(finished, &path).map_err(Error::io("publish", &path))?;
    Ok(path)
}

/// SHA-256 of a file, in constant memory.
///
/// # Errors
/// The file cannot be read.
pub fn digest_of(path: &Path) -> Result<Digest> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; CHUNK_BYTES_MAX];
    loop {
        match file.read(&mut block).map_err(Error::io("read", path))? {
            0 => return Ok(Digest(hasher.finalize().into())),
            length => hasher.update(&block[..length]),
        }
    }
}

/// At most one chunk of a blob at `offset`, and the blob's length. `None` if there is no such blob or
/// the offset is beyond its end.
///
/// # Errors
/// The blob is there but cannot be read.
pub fn read_chunk(folder: &StateFolder, digest: Digest, offset: u64) -> Result<Option<(Vec<u8>, u64)>> {
    let path = folder.blob(digest);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", &path)(error)),
    };
    let total = file.metadata().map_err(Error::io("read", &path))?.len();
    let Some(left) = total.checked_sub(offset) else { return Ok(None) };
    let length = left.min(CHUNK_BYTES_MAX as u64);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    file.read_exact_at(&mut bytes, offset).map_err(Error::io("read", &path))?;
    Ok(Some((bytes, total)))
}

/// What to say of a blob that holds other bytes than its name says.
pub fn damaged(what: &str, digest: Digest) -> Error {
    Error::Internal(format!("the stored {what} {} does not have its digest any more", digest.short()))
}

/// Removes a file that may not be there.
///
/// # Errors
/// The file is there and cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}
