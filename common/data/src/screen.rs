//! The de-identification screen: looks for identifiers in the texts of a record. Called by `site-agent data`,
//! by the worker before training, and by the self-test. It screens; it does not make data anonymous: what no
//! rule knows passes.
//!
//! Flow: [`normal`] (one spelling, with a way back) -> [`number`] (digit runs) and [`cue_search`] (announcing
//! words) -> [`detect`] (hits) -> findings in bytes of the original -> [`verdict`], [`mask`], [`waiver`].
//!
//! Invariants: pure and linear in the text; memory is a small multiple of the record; findings are
//! sorted, do not overlap and hold no text.

mod checksum;
mod cue;
mod cue_search;
mod detect;
mod finding;
mod kind;
mod mask;
mod normal;
mod number;
mod person_names;
pub mod quality;
pub mod selftest;
mod synthetic;
mod verdict;
mod view;
mod vocabulary;
pub mod waiver;
mod words;

#[cfg(test)]
mod tests;

pub use self::finding::{Finding, preview};
pub use self::kind::{Certainty, Kind, UnknownKind};
pub use self::mask::mask;
pub use self::verdict::{Mode, UnknownMode, Verdict, verdict};
pub use self::words::Language;

use self::normal::Normal;
use crate::hash::content_hash;
use crate::record::Record;

/// What the site chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What is done about findings.
    pub mode: Mode,
    /// What the privacy officer accepts; checked with [`waiver::SignedWaiver::check`].
    pub accepted: Option<waiver::Accepted>,
}

/// A screen with its options; cheap to make, shared between threads.
#[derive(Debug, Clone, Default)]
pub struct Screen {
    options: Options,
}

impl Screen {
    /// A screen.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// The mode it was made with.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.options.mode
    }

    /// What the privacy officer accepts.
    #[must_use]
    pub fn accepted(&self) -> Option<&waiver::Accepted> {
        self.options.accepted.as_ref()
    }

    /// Every identifier found in the record's fields, sorted by field and place.
    #[must_use]
    pub fn record(&self, record: &Record) -> Vec<Finding> {
        // A name that one field announces may stand bare in another.
        let mut names = detect::Names::default();
        let mut found = Vec::new();
        for field in &record.fields {
            found.push(first_pass(&field.text, &mut names).1);
        }
        let fields = record.fields.iter().zip(found).enumerate();
        fields
            .flat_map(|(index, (field, hits))| second_pass(index, &field.text, None, &names, hits))
            .collect()
    }

    /// Those of a record's findings that no waiver accepts: they decide the verdict and are what masking
    /// replaces.
    #[must_use]
    pub fn standing(&self, record: &Record, findings: &[Finding]) -> Vec<Finding> {
        let Some(accepted) = &self.options.accepted else { return findings.to_vec() };
        if findings.is_empty() {
            return Vec::new();
        }
        let hash = content_hash(record);
        findings.iter().filter(|finding| !accepted.accepts(&hash, finding)).copied().collect()
    }

    /// Every identifier found in one text, as findings of the field with this index.
    #[must_use]
    pub fn text(&self, field: usize, text: &str) -> Vec<Finding> {
        let mut names = detect::Names::default();
        let (normal, hits) = first_pass(text, &mut names);
        second_pass(field, text, Some(normal), &names, hits)
    }
}

/// What is found in a text by itself; its names are added to those of the record.
fn first_pass(text: &str, names: &mut detect::Names) -> (Normal, Vec<view::Hit>) {
    let normal = Normal::new(text);
    let runs = number::runs(&normal.text);
    let cues = cue_search::cues(&normal.text);
    let view = view::View { text: &normal.text, runs: &runs, cues: &cues };
    let hits = detect::all(&view);
    names.add(&view, &hits);
    (normal, hits)
}

/// Adds the names that stand again, and goes back to the bytes of the original. The normalised text is made
/// again where the caller has not kept it: a record's fields need not be in memory twice at once.
fn second_pass(
    field: usize,
    text: &str,
    normal: Option<Normal>,
    names: &detect::Names,
    hits: Vec<view::Hit>,
) -> Vec<Finding> {
    if hits.is_empty() && names.is_empty() {
        return Vec::new();
    }
    let normal = normal.unwrap_or_else(|| Normal::new(text));
    let view = view::View { text: &normal.text, runs: &[], cues: &[] };
    let hits = detect::again(&view, names, hits);
    hits.into_iter()
        .filter_map(|hit| {
            let (start, end) = normal.original(hit.start, hit.end)?;
            Some(Finding::new(hit.kind, field, start, end))
        })
        .collect()
}
