//! The child's side of evaluation suites: base and final model are asked one of them, or what the final model
//! forgot. Called by `child`, behind its locks. Invariants: what is asked has the hashes that were pinned at
//! the launch; the answer holds counts and intervals, no text of a question, and has a bounded size.

use std::path::Path;

use common::id::Digest;
use evaluation::compare::{Group, Share as Measured, SuiteReport, report};
use evaluation::limits::SUITE_BYTES_MAX;
use evaluation::suite::SuiteFile;
use evaluation::{Suite, general};
use model::{Adapter, BaseModel, ChatTokenizer, bounded};
use prepare::PrepareError;
use prepare::forgetting::divergence;
use prepare::suite::Asked;

use super::details::beginning;
use crate::error::{Error, Result};
use crate::limits::{DEPARTMENT_CHARS_MAX, DEPARTMENTS_MAX};
use crate::round::launched::{PinnedFile, PinnedSuite};
use crate::round::measured::{ForgettingFigures, Kind, Share, SuiteFigures};

/// Seed of the suites' bootstrap: the same run says the same every time.
const SEED: u64 = 0;

/// A pinned suite, read and checked.
///
/// # Errors
/// One of its files cannot be read or changed since the launch, or an item cannot be scored.
pub(super) fn open(pinned: &PinnedSuite) -> Result<Suite> {
    let path = &pinned.file.path;
    let bytes = bounded::read(path, SUITE_BYTES_MAX).map_err(PrepareError::from)?;
    must_be(&pinned.file, &Digest::of(&bytes).to_string())?;
    let file = SuiteFile::parse(path, &bytes).map_err(PrepareError::from)?;
    let suite = file.open().map_err(PrepareError::from)?;
    must_be(&pinned.records, &suite.records_sha256)?;
    Ok(suite)
}

fn must_be(file: &PinnedFile, found: &str) -> Result<()> {
    if file.digest.to_string() == found {
        return Ok(());
    }
    Err(Error::Config { path: file.path.clone(), reason: "it changed since the run was launched".into() })
}

/// Whether each suite can be asked, as far as that can be known before.
///
/// # Errors
/// The tokenizer cannot be used, or an item cannot be encoded.
pub(super) fn check(suites: &[Suite], base: &BaseModel, folder: &Path) -> Result<()> {
    if suites.is_empty() {
        return Ok(());
    }
    let asked = Asked::new(base, folder)?;
    suites.iter().try_for_each(|suite| Ok(asked.check(suite)?))
}

/// Asks both models a suite. What they said is kept in `resume` as it comes, and taken from there.
///
/// # Errors
/// As [`check`], or the adapter does not fit or has diverged.
pub(super) fn figures(
    suite: Suite,
    base: &BaseModel,
    folder: &Path,
    adapter: &Adapter,
    resume: Option<&Path>,
) -> Result<SuiteFigures> {
    let adapters = [("final".to_owned(), adapter)];
    let load = |adapter: &&Adapter| Ok(Adapter::clone(adapter));
    let measured =
        Asked::new(base, folder)?.resuming(resume, true).all(vec![suite], &adapters, &load, &mut |_| {})?;
    let report = report(&measured, SEED);
    report.suites.first().and_then(of_report).ok_or_else(|| Error::Internal("a suite gave no figures".into()))
}

/// Asks both models the built-in suite, and compares their next tokens on neutral texts.
///
/// # Errors
/// The tokenizer cannot be used, or the adapter does not fit or has diverged.
pub(super) fn forgetting(base: &BaseModel, folder: &Path, adapter: &Adapter) -> Result<ForgettingFigures> {
    let tokenizer = ChatTokenizer::load(folder).map_err(PrepareError::from)?;
    let apart = divergence(base, adapter, &tokenizer)?;
    let suite = general::suite().map_err(|error| Error::Internal(error.to_string()))?;
    Ok(ForgettingFigures {
        general: figures(suite, base, folder, adapter, None)?,
        texts: apart.texts,
        positions: apart.positions,
        divergence: apart.nats,
        divergence_interval: [apart.interval.low, apart.interval.high],
    })
}

/// What is kept of the comparison: nothing that grows with the suite.
fn of_report(report: &SuiteReport) -> Option<SuiteFigures> {
    let ([base, federated], [pair]) = (report.arms.as_slice(), report.comparisons.as_slice()) else {
        return None;
    };
    // Of answers that are right in part there is none; no run has such a suite.
    let [_, sees] = report.sees?;
    Some(SuiteFigures {
        items: report.items,
        cases: report.cases,
        majority: report.majority,
        guessing: report.guessing,
        sees,
        base: share(&base.right),
        federated: share(&federated.right),
        better: pair.better,
        worse: pair.worse,
        difference: pair.difference,
        interval: [pair.interval.low, pair.interval.high],
        p: pair.case_p,
        margin: pair.margin,
        not_found: [base.not_found, federated.not_found],
        kinds: kinds(&pair.groups),
    })
}

fn share(measured: &Measured) -> Share {
    let Measured { count, of, share, low, high, .. } = *measured;
    Share { count, of, share, interval: [low, high] }
}

/// The largest kinds, as many as departments have lines; the others, and the items without one, together.
fn kinds(groups: &[Group]) -> Vec<Kind> {
    let is_named = |group: &&Group| !group.name.is_empty();
    let kind = |name: Option<String>, of: &[&Group]| {
        let sum = |value: fn(&Group) -> u64| -> u64 { of.iter().map(|group| value(group)).sum() };
        Kind {
            name,
            base: sum(|group| group.base.count),
            federated: sum(|group| group.arm.count),
            of: sum(|group| group.base.of),
            better: sum(|group| group.better),
            worse: sum(|group| group.worse),
        }
    };
    let named: Vec<&Group> = groups.iter().filter(is_named).collect();
    let (shown, small) = named.split_at(named.len().min(DEPARTMENTS_MAX));
    let others: Vec<&Group> = small.iter().copied().chain(groups.iter().filter(|it| !is_named(it))).collect();
    let others = (!others.is_empty()).then(|| kind(None, &others));
    let shown = shown.iter().map(|group| kind(Some(beginning(&group.name, DEPARTMENT_CHARS_MAX)), &[*group]));
    shown.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, base: u64, arm: u64) -> Group {
        let share = |count| Measured::wilson(count, 10);
        let (better, worse) = (arm.saturating_sub(base), base.saturating_sub(arm));
        Group {
            name: name.to_owned(),
            base: share(base),
            arm: share(arm),
            better,
            worse,
            exact_p: 1.0,
            compared: 10,
            means: None,
        }
    }

    #[test]
    fn kinds_are_bounded_and_lose_no_item() {
        let mut groups: Vec<Group> = (0..40).map(|it| group(&format!("{it:02}"), 3, 5)).collect();
        groups.insert(7, group("", 9, 8));
        let kinds = kinds(&groups);
        assert_eq!(kinds.len(), DEPARTMENTS_MAX + 1);
        assert_eq!(kinds.iter().map(|kind| kind.of).sum::<u64>(), 410);
        let others = kinds.last().unwrap();
        assert_eq!((others.name.clone(), others.of, others.better, others.worse), (None, 110, 20, 1));
        assert_eq!((kinds[0].name.as_deref(), kinds[0].base, kinds[0].federated), (Some("00"), 3, 5));
    }

    #[test]
    fn a_suite_that_changed_since_the_launch_is_refused_and_so_is_one_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let pin = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            PinnedFile { path, digest: Digest::of(text.as_bytes()) }
        };
        let file = pin("exam.toml", "name = \"exam\"\nlayout = \"items\"\nrecords = \"exam.jsonl\"\n");
        let item = r#"{"question": "q", "options": ["a", "b"], "answer": "B"}"#;
        let suite = PinnedSuite { name: "exam".into(), file, records: pin("exam.jsonl", item) };
        assert_eq!(open(&suite).unwrap().items.len(), 1);
        let changed = |path: &Path, text: &str| {
            let before = std::fs::read(path).unwrap();
            std::fs::write(path, text).unwrap();
            let error = open(&suite).unwrap_err();
            std::fs::write(path, before).unwrap();
            assert!(error.is_user_error(), "{error}");
            error.to_string()
        };
        let other = changed(&suite.records.path, &item.replace('B', "A"));
        assert!(other.contains("exam.jsonl") && other.contains("changed since"), "{other}");
        let other = changed(&suite.file.path, "name = \"exam\"\nlayout = \"items\"\nrecords = \"other\"\n");
        assert!(other.contains("exam.toml") && other.contains("changed since"), "{other}");
        std::fs::remove_file(&suite.records.path).unwrap();
        assert!(open(&suite).unwrap_err().is_user_error());
    }
}
