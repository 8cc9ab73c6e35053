//! Reading small files of a model folder that may be hostile. Used by every loader of a configuration, by
//! `chat` and by `adapter::peft`. Invariant: a pipe, a device or a file that grows is refused, not waited
//! for.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::error::{ModelError, Result};

/// The whole of a file that must not have more than `bytes_max` bytes.
///
/// # Errors
/// [`ModelError::Io`] when it cannot be read; [`ModelError::Config`] when it is no file or longer.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let io = |error| ModelError::io(path, error);
    let refuse = |reason: String| Err(ModelError::Config { path: path.to_path_buf(), reason });
    // Before it is opened: opening a pipe waits for somebody to write.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return refuse("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let length = File::open(path).map_err(io)?.take(bytes_max + 1).read_to_end(&mut bytes).map_err(io)?;
    if length as u64 > bytes_max {
        return refuse(format!("it has more than {bytes_max} bytes"));
    }
    Ok(bytes)
}
