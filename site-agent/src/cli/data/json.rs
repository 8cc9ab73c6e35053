//! The inspection as JSON for programs: every record's verdict and findings, then the sums. No text of any
//! record but the names of departments that five trained records or more have, no language. Written record by
//! record, so that a million of them are not held twice. Called by `cli::data::check`.

use std::io::Write as _;
use std::path::Path;

use common::terminal::Out;
use data::Refusal;
use data::advice::Advice;
use data::manifest::Counts;
use data::read::FileReport;
use data::room::{FoundAt, InspectedRecord, Inspection, RecordOutcome};
use data::screen::selftest::SelfTestReport;
use data::split::{Assignment, Scheme, SplitReport};
use serde::Serialize;

use crate::error::SiteError;

#[derive(Serialize)]
struct Record<'a> {
    file: std::borrow::Cow<'a, str>,
    line: u64,
    verdict: RecordOutcome,
    findings: &'a [FoundAt],
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Refusal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<Like<'a>>,
    is_dropped: bool,
    split: Option<Assignment>,
    is_trained: bool,
}

#[derive(Serialize)]
struct Like<'a> {
    file: std::borrow::Cow<'a, str>,
    line: u64,
    kind: data::dedup::MatchKind,
    similarity: f32,
}

/// The sums, behind the records.
#[derive(Serialize)]
struct Sums<'a> {
    counts: &'a Counts,
    files: &'a [FileReport],
    scheme: Scheme,
    split: &'a SplitReport,
    self_test: &'a SelfTestReport,
    advice: Vec<Advice>,
    root: &'a str,
}

/// Prints the document.
pub(super) fn print(inspection: &Inspection, more: Vec<Advice>) -> Result<(), SiteError> {
    let mut out = std::io::BufWriter::new(Out);
    write(inspection, more, &mut out)
        .and_then(|()| out.flush())
        .map_err(|source| SiteError::io(Path::new("standard output"), source))
}

fn write(inspection: &Inspection, more: Vec<Advice>, out: &mut impl std::io::Write) -> std::io::Result<()> {
    out.write_all(b"{\"records\": [")?;
    for (index, outcome) in inspection.records.iter().enumerate() {
        out.write_all(if index == 0 { b"\n  " } else { b",\n  " })?;
        serde_json::to_writer(&mut *out, &record(inspection, outcome))?;
    }
    out.write_all(b"\n],\n")?;
    let sums = Sums {
        counts: &inspection.manifest.counts,
        files: &inspection.files,
        scheme: inspection.scheme,
        split: &inspection.split,
        self_test: &inspection.manifest.self_test,
        advice: data::advice::of(inspection).into_iter().chain(more).collect(),
        root: &inspection.manifest.root,
    };
    let text = serde_json::to_string_pretty(&sums)?;
    out.write_all(text.strip_prefix("{\n").unwrap_or(&text).as_bytes())?;
    out.write_all(b"\n")
}

fn record<'a>(inspection: &'a Inspection, inspected: &'a InspectedRecord) -> Record<'a> {
    let like = inspected.duplicate_of.and_then(|like| {
        let other = inspection.records.get(like.record)?;
        let (kind, similarity) = (like.kind, like.similarity);
        Some(Like { file: file(inspection, other), line: other.place.line, kind, similarity })
    });
    Record {
        file: file(inspection, inspected),
        line: inspected.place.line,
        verdict: inspected.outcome,
        findings: &inspected.findings,
        reason: inspected.refusal,
        duplicate_of: like,
        is_dropped: inspected.is_dropped,
        split: inspected.assignment,
        is_trained: inspected.is_trained(),
    }
}

fn file<'a>(inspection: &'a Inspection, inspected: &InspectedRecord) -> std::borrow::Cow<'a, str> {
    inspection.path(inspected.place).to_string_lossy()
}
