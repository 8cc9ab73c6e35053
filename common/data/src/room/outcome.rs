//! What the room decided about each record, and the sums. Used by `gather`, `divide` and `trained`; shown by
//! `site-agent data check`. Invariant: numbers, names of fields and codes; never a text, a patient or
//! anything that was found.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::dedup::MatchKind;
use crate::manifest::{Counts, Manifest};
use crate::provenance::Provenance;
use crate::read::FileReport;
use crate::record::{Format, Place};
use crate::refusal::Refusal;
use crate::screen::{Certainty, Kind};
use crate::split::{Assignment, Scheme, Side, SplitReport};

/// Whether a record may be trained on; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordOutcome {
    /// Nothing speaks against it.
    Train,
    /// It may be; a person should look at what the screen found.
    Warn,
    /// The screen withholds it.
    Block,
    /// It cannot be used; see the reason.
    Refuse,
}

/// An identifier that the screen found, by place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundAt {
    /// What it is.
    pub kind: Kind,
    /// How sure that is.
    pub certainty: Certainty,
    /// The field's path as the file spells it.
    pub field: String,
    /// First byte in the field's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// An earlier record that this one is like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LikeRecord {
    /// Its index in [`Inspection::records`].
    pub record: usize,
    /// In what way.
    pub kind: MatchKind,
    /// Jaccard similarity or containment, 0 to 1.
    pub similarity: f32,
}

/// What the room found and decided about one record.
#[derive(Debug, Clone, PartialEq)]
pub struct InspectedRecord {
    /// Where it stands.
    pub place: Place,
    /// Whether it may be trained on.
    pub outcome: RecordOutcome,
    /// Why it was refused.
    pub refusal: Option<Refusal>,
    /// How it was written; absent for a refused one.
    pub format: Option<Format>,
    /// Disease or department, where the file gives one.
    pub stratum: Option<String>,
    /// Turns of its conversation; 0 for plain text.
    pub turns: u32,
    /// Turns of its conversation that ask.
    pub questions: u32,
    /// Characters of its texts.
    pub characters: u32,
    /// Characters of its longest question; 0 for plain text.
    pub question_characters: u32,
    /// Characters of its longest answer; 0 for plain text.
    pub answer_characters: u32,
    /// What the screen found.
    pub findings: Vec<FoundAt>,
    /// The most similar earlier record, where there is one.
    pub duplicate_of: Option<LikeRecord>,
    /// A copy of an earlier record that is used: left out.
    pub is_dropped: bool,
    /// What the split decided; absent for one that is refused, withheld or dropped.
    pub assignment: Option<Assignment>,
    /// The number of its patient's or cluster's group in the split; absent like the assignment.
    pub group: Option<u32>,
    /// What it says of its origin.
    pub provenance: Provenance,
    /// SHA-256 of what would be trained on; see [`crate::hash::content_hash`].
    pub(super) content: [u8; 32],
}

impl InspectedRecord {
    /// Whether a federated run trains on it: on the training side, or in a fold (which a run does not hold
    /// out).
    #[must_use]
    pub fn is_trained(&self) -> bool {
        matches!(self.assignment, Some(Assignment::Side(Side::Train) | Assignment::Fold(_)))
    }
}

/// All that was found.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// What each file turned out to be.
    pub files: Vec<FileReport>,
    /// What was found and decided about each record, in the order of reading.
    pub records: Vec<InspectedRecord>,
    /// Candidate pairs that were too many to compare; 0 in all but odd data.
    pub pairs_left_out: u64,
    /// How records were divided.
    pub scheme: Scheme,
    /// Numbers about it.
    pub split: SplitReport,
    /// The manifest.
    pub manifest: Manifest,
}

impl Inspection {
    /// The file that a place is in.
    #[must_use]
    pub fn path(&self, place: Place) -> &Path {
        let index = usize::try_from(place.file).unwrap_or(usize::MAX);
        self.files.get(index).map_or_else(|| Path::new("?"), |file| file.path.as_path())
    }

    /// How many records a federated run trains on.
    #[must_use]
    pub fn trained(&self) -> usize {
        self.records.iter().filter(|inspected| inspected.is_trained()).count()
    }

    /// The records of a year, of their last update or else of their source, that is more than `years` years
    /// before `today`, a year; of those that are trained on, in the order of reading.
    pub fn older_than(&self, years: u16, today: u16) -> impl Iterator<Item = &InspectedRecord> {
        self.records.iter().filter(move |inspected| {
            let year = inspected.provenance.current_in();
            inspected.is_trained() && year.is_some_and(|year| today.saturating_sub(year) > years)
        })
    }

    /// Records by outcome.
    #[must_use]
    pub fn outcomes(&self) -> BTreeMap<RecordOutcome, usize> {
        let mut outcomes = BTreeMap::new();
        self.records.iter().for_each(|inspected| *outcomes.entry(inspected.outcome).or_insert(0) += 1);
        outcomes
    }
}

/// The sums that the manifest keeps.
pub(super) fn counts(records: &[InspectedRecord]) -> Counts {
    let mut counts = Counts { read: records.len() as u64, ..Counts::default() };
    for inspected in records {
        if let Some(reason) = inspected.refusal {
            *counts.refused.entry(reason).or_default() += 1;
        }
        counts.blocked += u64::from(inspected.outcome == RecordOutcome::Block);
        for finding in &inspected.findings {
            *counts.findings.entry(finding.kind).or_default() += 1;
        }
        if let Some(like) = inspected.duplicate_of {
            *counts.duplicates.entry(like.kind).or_default() += 1;
        }
        counts.provenance.add(&inspected.provenance);
        counts.duplicates_dropped += u64::from(inspected.is_dropped);
        match inspected.assignment {
            Some(Assignment::Side(side)) => *counts.sides.entry(side).or_default() += 1,
            Some(Assignment::Fold(_)) => *counts.sides.entry(Side::Train).or_default() += 1,
            Some(Assignment::LeftOut) => counts.left_out += 1,
            None => {}
        }
    }
    counts
}
