//! The evaluation suites of a new run. Called by `launch`. Invariants: suite file and records are pinned by
//! their content; no two suites have one name, for the report tells them apart by it; of the records nothing
//! but their hash is read in this process.

use common::run::{RunSpec, SuiteTerms};
use evaluation::limits::RECORDS_BYTES_MAX;
use evaluation::suite::{Score, SuiteFile};
use prepare::PrepareError;

use super::held_out::pin;
use crate::error::{Error, Result};
use crate::round::launched::{PinnedFile, PinnedSuite};

/// The suites of a run file, in its order.
///
/// # Errors
/// A file is missing, too long or no suite file, or two suites have one name.
pub(super) fn pin_all(spec: &RunSpec) -> Result<Vec<PinnedSuite>> {
    let mut suites: Vec<PinnedSuite> = Vec::new();
    for path in &spec.evaluation.suites {
        // Read first: that bounds its length.
        let file = SuiteFile::read(path).map_err(PrepareError::from)?;
        let PinnedFile { path, digest } = pin("suite file", path.clone())?;
        let name = file.settings().name.clone();
        // The report of a run counts what is right and what is wrong.
        if file.settings().score.is_graded() {
            return Err(Error::Argument {
                message: format!("the suite {name:?} has answers that are right in part, which a run does not measure"),
                hint: "leave it out of the run file; `coordinator evaluate RUN --suite FILE` measures it afterwards".into(),
            });
        }
        // What decides nothing would be counted nowhere.
        if !file.settings().rules.is_empty() && file.settings().score != Score::Phrases {
            return Err(Error::Argument {
                message: format!("the suite {name:?} has rules that decide nothing, which a run does not count"),
                hint: "leave it out of the run file; `coordinator evaluate RUN --suite FILE` counts them afterwards".into(),
            });
        }
        // A run pins the suite file and its records.
        if file.settings().shots.file.is_some() {
            return Err(Error::Argument {
                message: format!("the suite {name:?} has its examples in a file of their own, which a run does not pin"),
                hint: "put them first in the file of records and leave `examples` out, or leave the suite out of the run file; `coordinator evaluate RUN --suite FILE` asks it afterwards".into(),
            });
        }
        if suites.iter().any(|before| before.name == name) {
            return Err(Error::Argument {
                message: format!("two suites of the run file are called {name:?}"),
                hint: "give one of them another `name`: the report tells them apart by it".into(),
            });
        }
        let records = file.records();
        let bytes = std::fs::metadata(&records).map_or(0, |facts| facts.len());
        if bytes > RECORDS_BYTES_MAX {
            let reason = format!("it is larger than {RECORDS_BYTES_MAX} bytes");
            return Err(Error::Config { path: records, reason });
        }
        let records = pin("file of a suite's records", records)?;
        suites.push(PinnedSuite { name, file: PinnedFile { path, digest }, records });
    }
    Ok(suites)
}

/// What the sites are told of one.
pub(super) fn terms(suite: &PinnedSuite) -> SuiteTerms {
    SuiteTerms { name: suite.name.clone(), file: suite.file.digest, records: suite.records.digest }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use common::id::Digest;

    use super::*;
    use crate::round::scheduler::tests::launched_run;

    #[test]
    fn the_bounds_of_a_run_file_are_those_of_a_comparison() {
        assert_eq!(common::limits::RUN_SUITES_MAX, evaluation::limits::SUITES_MAX);
        assert_eq!(common::limits::SUITE_NAME_CHARACTERS_MAX, evaluation::limits::NAME_CHARACTERS_MAX);
    }

    #[test]
    fn both_files_of_a_suite_are_pinned_and_a_second_of_its_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let toml = |name: &str, records: &str| {
            let text = format!("name = \"{name}\"\nlayout = \"items\"\nrecords = \"{records}\"\n");
            write(&format!("{name}-{records}.toml"), &text)
        };
        write("a.jsonl", "a");
        write("b.jsonl", "b");
        let pinned = |files: &[PathBuf]| {
            let mut spec = launched_run(1, 1, 1).spec;
            spec.evaluation.suites = files.to_vec();
            pin_all(&spec)
        };
        let suites = pinned(&[toml("exam", "a.jsonl"), toml("急诊", "b.jsonl")]).unwrap();
        assert_eq!(suites.iter().map(|suite| suite.name.as_str()).collect::<Vec<_>>(), ["exam", "急诊"]);
        assert_eq!(suites[1].records.digest, Digest::of(b"b"));
        assert!(suites.iter().all(|suite| suite.file.path.is_absolute() && suite.records.path.is_absolute()));
        let rubric = "name = \"r\"\nlayout = \"healthbench\"\nrecords = \"a.jsonl\"\nchat = true\n";
        let rubric = write("rubric.toml", rubric);
        let shots =
            "name = \"s\"\nlayout = \"items\"\nrecords = \"a.jsonl\"\nshots = 1\nexamples = \"b.jsonl\"\n";
        let shots = write("shots.toml", shots);
        let rule = "\n[[rule]]\nname = \"refuses\"\nwanted.en = [\"cannot\"]\n";
        let ruled = |score: &str, more: &str| {
            let head = "name = \"ruled\"\nlayout = \"items\"\nrecords = \"a.jsonl\"\nprompt = \"bare\"\n";
            write(&format!("ruled-{score}.toml"), &format!("{head}score = \"{score}\"\n{more}{rule}"))
        };
        assert_eq!(pinned(&[ruled("phrases", "")]).unwrap().len(), 1, "there they decide");
        for (files, word) in [
            (vec![ruled("structured", "form = \"soap\"\n")], "rules that decide nothing"),
            (vec![toml("exam", "a.jsonl"), toml("exam", "b.jsonl")], "are called"),
            (vec![shots], "does not pin"),
            (vec![toml("exam", "gone.jsonl")], "gone.jsonl"),
            (vec![rubric], "right in part"),
            (vec![folder.path().join("gone.toml")], "gone.toml"),
            (vec![write("bad.toml", "name = 1\n")], "bad.toml, line 1"),
        ] {
            let error = pinned(&files).unwrap_err();
            assert!(error.is_user_error() && error.to_string().contains(word), "{error}");
        }
    }
}
