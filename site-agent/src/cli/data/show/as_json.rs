//! One record as JSON: its text, what the screen found in it by byte, and what is trained on. Called by
//! `cli::data::show`, behind its rule that a text goes to a terminal or where `--allow-pipe` says. Pure.

use data::room::RecordOutcome;
use data::screen::Finding;
use data::{Record, Refusal};
use model::chat::Explained;
use serde_json::{Value, json};

/// What is trained on of a record.
pub(super) enum Trained {
    /// Nothing: the screen withholds it.
    Blocked,
    /// Nothing: it does not fit the model.
    Refused(Refusal),
    /// This.
    Text(Explained),
}

/// Which record this is, and what becomes of it.
pub(super) struct Looked<'a> {
    pub(super) number: u64,
    pub(super) place: &'a str,
    pub(super) verdict: RecordOutcome,
}

/// Of a record that cannot be read.
pub(super) fn refused(number: u64, place: &str, reason: Refusal) -> Value {
    json!({
        "number": number,
        "place": place,
        "format": null,
        "verdict": RecordOutcome::Refuse,
        "reason": reason,
        "fields": [],
        "trained_on": null,
    })
}

/// Of a record that can be read. `trained` is there where a model was named.
pub(super) fn record(
    looked: &Looked<'_>,
    record: &Record,
    findings: &[Finding],
    trained: Option<&Trained>,
) -> Value {
    let fields = record.fields.iter().enumerate().map(|(index, field)| {
        let found = findings.iter().filter(|finding| finding.field == index).map(finding);
        json!({ "path": field.path, "text": field.text, "findings": found.collect::<Vec<_>>() })
    });
    let reason = match trained {
        Some(Trained::Refused(reason)) => Some(reason),
        _ => None,
    };
    json!({
        "number": looked.number,
        "place": looked.place,
        "format": record.format,
        "verdict": looked.verdict,
        "reason": reason,
        "fields": fields.collect::<Vec<_>>(),
        "trained_on": trained.and_then(trained_on),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "kind": finding.kind,
        "certainty": finding.certainty,
        "start_byte": finding.start,
        "end_byte": finding.end,
    })
}

fn trained_on(trained: &Trained) -> Option<Value> {
    let Trained::Text(explained) = trained else { return None };
    let pieces = explained.pieces.iter().map(|piece| {
        json!({
            "start_byte": piece.range.start,
            "end_byte": piece.range.end,
            "supervised": piece.supervised,
        })
    });
    Some(json!({
        "tokens": explained.tokens,
        "supervised_tokens": explained.supervised_tokens,
        "tokens_cut": explained.tokens_cut,
        "text": explained.text,
        "pieces": pieces.collect::<Vec<_>>(),
    }))
}
