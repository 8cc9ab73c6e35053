//! Reading the files of a draft or a release, which may come from anywhere. Used by `draft`, `sums` and
//! `verify`. Invariants: no link is followed; nothing is waited for; what is read is bounded.

use std::fs;
use std::path::Path;

use model::{ModelError, bounded};

use crate::error::{Error, Result};

/// The whole of a regular file that is no link.
///
/// # Errors
/// It is not there, is a link or no file, or has more than `bytes_max` bytes.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    must_be_file(path)?;
    bounded::read(path, bytes_max).map_err(|error| match error {
        ModelError::Io { path, source } => Error::Io { action: "read", path, source },
        ModelError::Config { path, reason } => Error::Config { path, reason },
        other => Error::Internal(other.to_string()),
    })
}

/// The same as a text.
///
/// # Errors
/// As [`read`]; it is not UTF-8.
pub(super) fn text(path: &Path, bytes_max: u64) -> Result<String> {
    let wrong = |_| Error::Config { path: path.to_path_buf(), reason: "it is not UTF-8 text".into() };
    String::from_utf8(read(path, bytes_max)?).map_err(wrong)
}

/// The same as a document.
///
/// # Errors
/// As [`read`]; it is no such document.
pub(super) fn json<T: serde::de::DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    let wrong =
        |error: serde_json::Error| Error::Config { path: path.to_path_buf(), reason: error.to_string() };
    serde_json::from_slice(bytes).map_err(wrong)
}

/// A document as this program writes it.
///
/// # Errors
/// It cannot be put into JSON, which is our fault.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn must_be_file(path: &Path) -> Result<()> {
    let facts = fs::symlink_metadata(path).map_err(Error::io("read", path))?;
    if facts.is_file() {
        return Ok(());
    }
    Err(Error::Config { path: path.to_path_buf(), reason: "it is a link, or no regular file".into() })
}
