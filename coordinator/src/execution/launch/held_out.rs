//! The held-out files of a new run, and how often the test file was opened before. Called by `launch`.
//! Invariants: the test file is not the file that steers this run; each is pinned by its content.

use std::path::PathBuf;

use common::id::Digest;
use common::run::RunSpec;

use crate::error::{Error, Result};
use crate::execution::runs::Runs;
use crate::round::launched::PinnedFile;
use crate::round::state::RunState;
use crate::state_folder::blobs;

/// Validation and test file, pinned.
///
/// # Errors
/// One is missing or cannot be read, or both have the same content.
pub(super) fn pin_both(spec: &RunSpec) -> Result<(Option<PinnedFile>, Option<PinnedFile>)> {
    let validation = spec.validation.clone().map(|path| pin("validation file", path)).transpose()?;
    let test = spec.test.clone().map(|path| pin("test file", path)).transpose()?;
    match (&validation, &test) {
        (Some(validation), Some(test)) if validation.digest == test.digest => Err(Error::Argument {
            message: format!(
                "the test file {} has the same content as the validation file {}",
                test.path.display(),
                validation.path.display()
            ),
            hint: "what steered a run cannot judge it: name a test file that nobody has looked at, or none"
                .into(),
        }),
        _ => Ok((validation, test)),
    }
}

/// A file by its content.
pub(super) fn pin(what: &'static str, path: PathBuf) -> Result<PinnedFile> {
    let path = match path.canonicalize() {
        Ok(found) if found.is_file() => found,
        _ => return Err(Error::Missing { what, path }),
    };
    let digest = blobs::digest_of(&path)?;
    Ok(PinnedFile { path, digest })
}

/// How often runs have opened the test file with this content.
pub(crate) fn openings(runs: &Runs, digest: Digest) -> u32 {
    let all = runs.all();
    let same =
        all.iter().filter(|state| state.launched.test.as_ref().is_some_and(|test| test.digest == digest));
    u32::try_from(same.map(|state| state.test.openings.len()).sum::<usize>()).unwrap_or(u32::MAX)
}

/// What to say of a test file by which earlier runs were steered: what starts from them is not judged by it.
pub(super) fn steered_before(runs: &Runs, digest: Digest) -> Option<String> {
    let all = runs.all();
    let is_same = |state: &&std::sync::Arc<RunState>| {
        state.launched.validation.as_ref().is_some_and(|file| file.digest == digest)
    };
    all.iter().rev().find(is_same).map(|state| {
        format!(
            "the test file was the validation file of run {}: a run that starts from that one is not judged by it",
            state.launched.run
        )
    })
}

/// What to say of a test file that is not new.
pub(crate) fn opened_before(times: u32) -> Option<String> {
    let before = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    (times > 0).then(|| {
        format!(
            "the test file was opened {before} before; this run opens it for time {}: the more often, the less its \
             result says about unseen records",
            times.saturating_add(1)
        )
    })
}

/// What to say of a test file that runs before this one are to open yet.
pub(super) fn opened_first(runs: &Runs, digest: Digest) -> Option<String> {
    let opens = |state: &&std::sync::Arc<RunState>| {
        let is_it = state.launched.test.as_ref().is_some_and(|test| test.digest == digest);
        is_it && !state.is_over() && state.test.openings.is_empty()
    };
    let first = runs.all().iter().filter(opens).count();
    (first > 0).then(|| {
        format!(
            "{first} of the runs before it open the same test file: a release needs one that was opened once"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::scheduler::tests::launched_run;

    #[test]
    fn a_test_file_that_is_the_validation_file_is_refused_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let mut spec = launched_run(1, 1, 1).spec;
        spec.validation = file("validation.jsonl", "a");
        spec.test = file("copy.jsonl", "a");
        let error = pin_both(&spec).unwrap_err();
        assert!(error.is_user_error() && error.to_string().contains("same content"), "{error}");
        spec.test = file("test.jsonl", "b");
        assert!(pin_both(&spec).is_ok());
        spec.validation = None;
        assert!(pin_both(&spec).unwrap().0.is_none());
    }

    #[test]
    fn a_file_that_was_opened_is_said_aloud() {
        assert_eq!(opened_before(0), None);
        assert!(opened_before(1).unwrap().contains("once before; this run opens it for time 2"));
        assert!(opened_before(3).unwrap().contains("3 times before"));
    }
}
