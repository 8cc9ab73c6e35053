//! Errors of templates and of files that are too large. Used by `chat::{tokenizer, tokenizer_config,
//! template, mask}`. Invariant: no text of a conversation is in an error.

use std::path::Path;

use crate::error::{ModelError, Result};

/// The error of a template that cannot be used with a conversation.
pub(super) fn template_fault(reason: &str) -> ModelError {
    ModelError::Template { reason: reason.to_owned() }
}

/// Reads a whole file that must not be larger than `limit_bytes`.
pub(super) fn read_bounded(path: &Path, limit_bytes: u64) -> Result<Vec<u8>> {
    let length = std::fs::metadata(path).map_err(|error| ModelError::io(path, error))?.len();
    if length > limit_bytes {
        let reason = format!("it has {length} bytes; at most {limit_bytes} are read");
        return Err(ModelError::Config { path: path.to_path_buf(), reason });
    }
    std::fs::read(path).map_err(|error| ModelError::io(path, error))
}
