//! What is found and what is not, spelled out: every published vector of the reference, each valid value next
//! to an invalid neighbour.

use super::*;
use crate::record::{Body, Field, Format, Part, Place};

mod chinese;
mod english;
mod masking;

/// A record with these fields.
pub(super) fn record(fields: &[&str]) -> Record {
    Record {
        place: Place { file: 0, line: 1 },
        format: Format::Text,
        fields: fields
            .iter()
            .map(|text| Field { path: "text".to_owned(), text: (*text).to_owned() })
            .collect(),
        body: Body::Text((0..fields.len()).map(Part::Field).collect()),
        patient: None,
        date: None,
        stratum: None,
        provenance: Default::default(),
    }
}

/// The names that are found in a text.
pub(super) fn names(text: &str) -> Vec<&str> {
    found(text).into_iter().filter(|(kind, _)| *kind == Kind::PersonName).map(|(_, name)| name).collect()
}

/// What is found in a text: kinds and raw values.
fn found(text: &str) -> Vec<(Kind, &str)> {
    let findings = Screen::default().text(0, text);
    findings.iter().map(|finding| (finding.kind, &text[finding.start..finding.end])).collect()
}

#[track_caller]
fn finds(text: &str, expected: &[(Kind, &str)]) {
    assert_eq!(found(text), expected, "in {text:?}");
}

#[track_caller]
fn nothing(text: &str) {
    finds(text, &[]);
}

/// A megabyte without a mark behind each word that may be a name: seconds where the work is linear, hours
/// where each of them is looked at to the end.
#[test]
fn a_hostile_megabyte_is_screened_in_linear_time() {
    for piece in ["Abcde/", "RN/Abcde-1/", "Abcde (Xy/", "王建国,男性", "Dr. Abcde'sx"] {
        let text = piece.repeat((1 << 20) / piece.len());
        let begun = std::time::Instant::now();
        let found = Screen::default().text(0, &text).len();
        assert!(begun.elapsed().as_secs() < 60, "{piece}: {found} findings in {:?}", begun.elapsed());
    }
}
