//! Finds the two programs under test beside the program that is running.
//!
//! Called by the harness. Cargo puts binaries in `target/<profile>/` and test programs in
//! `target/<profile>/deps/`; both lead to the same folder, so tests and demo always drive the build
//! they were built with, and never something from `$PATH`.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The programs of one build.
#[derive(Clone, Debug)]
pub struct Binaries {
    pub coordinator: PathBuf,
    pub site_agent: PathBuf,
}

impl Binaries {
    /// Looks beside the current executable.
    ///
    /// # Errors
    /// [`Failure::MissingBinary`] with the command that builds them.
    pub fn find() -> Result<Self, Failure> {
        let executable = std::env::current_exe().map_err(Failure::file("locate", "the running program"))?;
        Self::in_folder(&build_folder(&executable))
    }

    fn in_folder(folder: &Path) -> Result<Self, Failure> {
        let find = |name: &'static str| {
            let path = folder.join(name);
            if path.is_file() { Ok(path) } else { Err(Failure::MissingBinary { name, path }) }
        };
        Ok(Self { coordinator: find("coordinator")?, site_agent: find("site-agent")? })
    }
}

/// `target/<profile>` for a program in it or in its `deps` folder.
fn build_folder(executable: &Path) -> PathBuf {
    let folder = executable.parent().unwrap_or_else(|| Path::new("."));
    match folder.file_name() {
        Some(name) if name == "deps" => folder.parent().unwrap_or(folder).to_owned(),
        _ => folder.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_binaries_share_a_folder() {
        assert_eq!(build_folder(Path::new("/t/debug/deps/it-1")), Path::new("/t/debug"));
        assert_eq!(build_folder(Path::new("/t/debug/consilium-demo")), Path::new("/t/debug"));
    }

    #[test]
    fn a_missing_binary_says_how_to_build_it() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Binaries::in_folder(folder.path()).unwrap_err();
        assert!(failure.hint().unwrap().contains("cargo build"), "{failure}");
    }
}
