//! What a locked process may open. Made by `paths` for the two children and by each command that locks
//! itself; used by `landlock`. Invariant: what is not listed is refused.

use std::path::PathBuf;

use super::gpu::GpuFiles;

/// What a sandboxed process may open; everything else is refused by Landlock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRules {
    /// Files and folders that may be read.
    pub read: Vec<PathBuf>,
    /// Folders in which files may be read, written, created and removed.
    pub write: Vec<PathBuf>,
    /// What a GPU needs besides, where the process computes on one.
    pub gpu: Option<GpuFiles>,
}
