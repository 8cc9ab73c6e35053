//! Copies of folders. Used by the release demo and by the integration tests. Invariant: files and folders
//! only; a link is followed as `std::fs::copy` follows it.

use std::path::Path;

use crate::failure::Failure;

/// Copies a folder with its folders.
///
/// # Errors
/// Something cannot be read or written.
pub fn copy_tree(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(to).map_err(Failure::file("create", to))?;
    for entry in std::fs::read_dir(from).map_err(Failure::file("list", from))? {
        let path = entry.map_err(Failure::file("list", from))?.path();
        let into = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_tree(&path, &into)?;
        } else {
            std::fs::copy(&path, &into).map_err(Failure::file("copy", &path))?;
        }
    }
    Ok(())
}
