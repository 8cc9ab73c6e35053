//! Folders that appear as a whole or not at all. Called by the exports (PEFT folder, merged model).
//! Invariants: nothing exists under the wanted name until `commit`; a failed export removes what it wrote; an
//! existing folder with anything in it is never touched.

use std::path::{Path, PathBuf};

use crate::error::{ModelError, Result};

/// A folder being filled beside its final place, on the same file system.
pub(crate) struct StagedFolder {
    staging: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl StagedFolder {
    /// Begins a folder that will be `target`, which must not exist or must be empty.
    pub(crate) fn create(target: &Path) -> Result<Self> {
        let mut entries = match std::fs::read_dir(target) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(ModelError::io(target, error)),
        };
        if entries.as_mut().is_some_and(|entries| entries.next().is_some()) {
            let taken = std::io::Error::new(
                std::io::ErrorKind::AlreadyExists,
                "the folder exists and is not empty; choose another name or remove it",
            );
            return Err(ModelError::io(target, taken));
        }
        let Some(name) = target.file_name() else {
            let nameless = std::io::Error::new(std::io::ErrorKind::InvalidInput, "the folder needs a name");
            return Err(ModelError::io(target, nameless));
        };
        let mut staging_name = std::ffi::OsString::from(".");
        staging_name.push(name);
        // Two exports to one place at a time must not share a staging folder.
        staging_name.push(format!(".partial-{}", std::process::id()));
        let staging = target.with_file_name(staging_name);
        if let Some(parent) = staging.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|error| ModelError::io(parent, error))?;
        }
        // Left by a process of the same id that was killed: nobody else can own it.
        if staging.exists() {
            std::fs::remove_dir_all(&staging).map_err(|error| ModelError::io(&staging, error))?;
        }
        std::fs::create_dir(&staging).map_err(|error| ModelError::io(&staging, error))?;
        Ok(Self { staging, target: target.to_path_buf(), committed: false })
    }

    /// Where the folder is for now.
    pub(crate) fn folder(&self) -> &Path {
        &self.staging
    }

    /// Where a file of the folder is written for now.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.staging.join(name)
    }

    /// Writes a small file as a whole.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        std::fs::write(&path, bytes).map_err(|error| ModelError::io(&path, error))
    }

    /// Makes the folder durable and gives it its name.
    pub(crate) fn commit(mut self) -> Result<()> {
        let entries =
            std::fs::read_dir(&self.staging).map_err(|error| ModelError::io(&self.staging, error))?;
        for entry in entries {
            let path = entry.map_err(|error| ModelError::io(&self.staging, error))?.path();
            sync(&path)?;
        }
        sync(&self.staging)?;
        // Renaming a folder onto an empty one replaces it.
        std::fs::rename(&self.staging, &self.target).map_err(|error| ModelError::io(&self.target, error))?;
        self.committed = true;
        match self.target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
            _ => sync(Path::new(".")),
        }
    }
}

impl Drop for StagedFolder {
    fn drop(&mut self) {
        if !self.committed {
            // The export has already failed with a better error; what cannot be removed is named `.partial`.
            let _ = std::fs::remove_dir_all(&self.staging);
        }
    }
}

fn sync(path: &Path) -> Result<()> {
    std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(|error| ModelError::io(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_as_a_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("deep/out");
        let staged = StagedFolder::create(&target).unwrap();
        staged.write("a", b"1").unwrap();
        assert!(!target.exists());
        drop(staged);
        assert_eq!(std::fs::read_dir(place.path().join("deep")).unwrap().count(), 0);

        std::fs::create_dir(&target).unwrap();
        let staged = StagedFolder::create(&target).unwrap();
        staged.write("a", b"1").unwrap();
        staged.commit().unwrap();
        assert_eq!(std::fs::read(target.join("a")).unwrap(), b"1");
        let error = StagedFolder::create(&target).err().unwrap();
        assert!(error.to_string().contains("not empty"), "{error}");
        assert!(StagedFolder::create(&target.join("a/b")).is_err());
    }
}
