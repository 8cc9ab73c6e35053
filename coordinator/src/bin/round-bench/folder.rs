//! The folder that a benchmark's files are in. Used by `main`. Invariant: it is new, and gone when the value
//! is dropped; nothing else of the caller's folder is touched.

use std::fs;
use std::path::{Path, PathBuf};

use super::arguments::Failure;

/// A new folder.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Under the caller's folder, or under that for temporary files.
    pub(crate) fn create(under: Option<&Path>) -> Result<Self, Failure> {
        let under = under.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let path = under.join(format!("consilium-round-bench-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| {
            let reason = format!("cannot make a folder in {}: {error}", under.display());
            Failure::user(reason, "name a folder that exists and has room with --folder")
        })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: cannot remove {}: {error}", self.0.display());
        }
    }
}
