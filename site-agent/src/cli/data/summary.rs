//! From the room's inspection to what people read: names, sums and the first few places. Pure. Called by
//! `cli::data::check` and `show`.

use std::collections::BTreeMap;

use data::Place;
use data::advice::Advice;
use data::dedup::MatchKind;
use data::provenance::{ProvenanceCounts, ProvenanceField};
use data::read::FileReport;
use data::room::{InspectedRecord, Inspection, RecordOutcome};
use data::screen::{Certainty, Kind};
use data::split::{Assignment, Note, Scheme, Side};

use crate::data_report::summary::{
    Counts, Distribution, DuplicateRow, FileRow, FindingRow, ReasonRow, SplitRow, Summary, screen_language,
};
use crate::language::Language;
use crate::language::text::{self as t};
use crate::limits::FINDING_PLACES_MAX;

/// Places listed of records that are too old.
const OLD_SHOWN: usize = 5;
/// Places listed for a reason or a sort of duplicates.
const PLACES_SHOWN: usize = 20;
/// Lengths of records in a model's tokens, and where they are cut.
pub(super) struct Tokens {
    pub(super) lengths: Vec<u64>,
    pub(super) cutoff_tokens: u64,
    pub(super) is_context: bool,
}

/// Bins of a histogram.
const BINS: usize = 40;

/// How many years old records may be, and the year that it is.
#[derive(Clone, Copy)]
pub(super) struct Age {
    pub(super) years_max: u16,
    pub(super) today: u16,
}

/// What was measured beside the inspection.
#[derive(Default)]
pub(super) struct Beside {
    /// Where a model was named.
    pub(super) tokens: Option<Tokens>,
    /// Where old records are to be warned of.
    pub(super) age: Option<Age>,
    /// Advice that needed the base model itself.
    pub(super) advice: Vec<Advice>,
}

/// Everything that is shown.
pub(super) fn of(inspection: &Inspection, beside: Beside, language: Language) -> Summary {
    let Beside { tokens, age, advice } = beside;
    let usable = || inspection.records.iter().filter(|record| record.outcome != RecordOutcome::Refuse);
    let lengths_in_tokens = tokens.is_some();
    let mut notes = notes(inspection, tokens.as_ref(), language);
    notes.extend(age.and_then(|age| outdated(inspection, age, language)));
    let tokens = tokens.map(|tokens| tokens.lengths);
    let characters = || usable().map(|outcome| u64::from(outcome.characters)).collect();
    let turns = usable().map(|outcome| u64::from(outcome.turns)).filter(|turns| *turns > 0).collect();
    Summary {
        files: file_rows(inspection),
        notes,
        unused: unused(inspection),
        counts: counts(inspection),
        refused: refused(inspection, language),
        findings: findings(inspection, language),
        lengths: Distribution::of(tokens.unwrap_or_else(characters), BINS),
        lengths_in_tokens,
        turns: Distribution::of(turns, BINS),
        strata: strata(inspection),
        provenance: provenance(&inspection.manifest.counts.provenance, language),
        advice: super::advice::rows(inspection, &advice, language),
        duplicates: duplicates(inspection, language),
        split: split(inspection, language),
        self_test: inspection.manifest.self_test.clone(),
        root: inspection.manifest.root.clone(),
    }
}

fn counts(inspection: &Inspection) -> Counts {
    let outcomes = inspection.outcomes();
    let of = |outcome| outcomes.get(&outcome).copied().unwrap_or(0) as u64;
    Counts {
        read: inspection.records.len() as u64,
        train: of(RecordOutcome::Train),
        warn: of(RecordOutcome::Warn),
        block: of(RecordOutcome::Block),
        refuse: of(RecordOutcome::Refuse),
        duplicate: inspection.manifest.counts.duplicates_dropped,
        held_back: inspection.records.iter().filter(|record| is_held_back(record)).count() as u64,
        used: inspection.trained() as u64,
    }
}

/// Whether a record that may be trained on is kept from it by the split.
fn is_held_back(record: &InspectedRecord) -> bool {
    record.assignment.is_some() && !record.is_trained()
}

/// What else there is to say: columns without a name, records that lose their end.
fn notes(inspection: &Inspection, tokens: Option<&Tokens>, language: Language) -> Vec<String> {
    let nameless = inspection.files.iter().filter(|file| file.nameless_columns > 0);
    let mut notes: Vec<String> = nameless
        .map(|file| {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            t::NOTE_NAMELESS.with(language, &[&name, &file.nameless_columns])
        })
        .collect();
    if let Some(tokens) = tokens {
        let longer = tokens.lengths.iter().filter(|length| **length > tokens.cutoff_tokens).count();
        let note = if tokens.is_context { t::NOTE_CONTEXT } else { t::NOTE_CUT };
        if longer > 0 || tokens.is_context {
            notes.push(note.with(language, &[&tokens.cutoff_tokens, &longer]));
        }
    }
    notes
}

/// Records that are older than wanted, where there are some.
fn outdated(inspection: &Inspection, age: Age, language: Language) -> Option<String> {
    let mut places =
        inspection.older_than(age.years_max, age.today).map(|record| place(&inspection.files, record.place));
    let first: Vec<String> = places.by_ref().take(OLD_SHOWN).collect();
    let count = first.len() + places.count();
    let shown = first.join(", ");
    (count > 0).then(|| t::NOTE_OUTDATED.with(language, &[&age.years_max, &count, &shown]))
}

/// What the records say of their origin: in words, and how many say it. Nothing where none says anything.
fn provenance(counts: &ProvenanceCounts, language: Language) -> Vec<(String, u64)> {
    let word = |field: ProvenanceField| match field {
        ProvenanceField::Source => t::ORIGIN_SOURCE,
        ProvenanceField::Year => t::ORIGIN_YEAR,
        ProvenanceField::LastUpdate => t::ORIGIN_UPDATE,
        ProvenanceField::Annotators => t::ORIGIN_ANNOTATORS,
        ProvenanceField::Agreement => t::ORIGIN_AGREEMENT,
        ProvenanceField::AiMade => t::ORIGIN_AI,
        ProvenanceField::ReviewedBy => t::ORIGIN_REVIEWED,
    };
    let said = counts.said.iter().map(|(field, count)| (word(*field).get(language).to_owned(), *count));
    let sums = [
        (t::ORIGIN_SEVERAL, counts.several_annotators),
        (t::ORIGIN_AI_MADE, counts.ai_made),
        (t::ORIGIN_AI_REVIEWED, counts.ai_made_reviewed),
    ];
    let sums = sums.into_iter().filter(|(_, count)| *count > 0);
    let sums = sums.map(|(word, count)| (word.get(language).to_owned(), count));
    let unreadable = counts
        .unreadable
        .iter()
        .map(|(field, count)| (t::ORIGIN_UNREADABLE.with(language, &[&word(*field).get(language)]), *count));
    said.chain(sums).chain(unreadable).collect()
}

/// Fields that hold text and are not trained on, of all files together; most frequent first.
fn unused(inspection: &Inspection) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (field, count) in inspection.files.iter().flat_map(|file| &file.unused) {
        *sums.entry(field).or_default() += count;
    }
    let mut rows: Vec<(String, u64)> =
        sums.into_iter().map(|(field, count)| (field.to_owned(), count)).collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    rows
}

/// Records by department or disease, most frequent first.
fn strata(inspection: &Inspection) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for stratum in inspection.records.iter().filter_map(|outcome| outcome.stratum.as_deref()) {
        *sums.entry(stratum).or_default() += 1;
    }
    let mut strata: Vec<(String, u64)> =
        sums.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    strata.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    strata
}

/// `file.jsonl:12`.
pub(super) fn place(files: &[FileReport], place: Place) -> String {
    let path = usize::try_from(place.file).ok().and_then(|index| files.get(index)).map(|file| &file.path);
    let name =
        path.and_then(|path| path.file_name()).map_or_else(|| "?".into(), |name| name.to_string_lossy());
    format!("{name}:{}", place.line)
}

/// The written name of a code, as JSON has it.
pub(super) fn code(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// A row for each file; what does not fit the model counts as refused, like what its reader refused.
fn file_rows(inspection: &Inspection) -> Vec<FileRow> {
    let mut counts: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for record in &inspection.records {
        let (records, refused) = counts.entry(record.place.file).or_default();
        *records += 1;
        *refused += u64::from(record.outcome == RecordOutcome::Refuse);
    }
    let row = |(index, file): (u32, &FileReport)| {
        let (records, refused) = counts.get(&index).copied().unwrap_or_default();
        FileRow {
            path: file.path.clone(),
            formats: file.formats.keys().map(code).collect::<Vec<_>>().join(", "),
            encoding: file.encoding.as_ref().map_or_else(|| "-".to_owned(), code),
            records,
            refused,
        }
    };
    (0u32..).zip(&inspection.files).map(row).collect()
}

fn refused(inspection: &Inspection, language: Language) -> Vec<ReasonRow> {
    let mut rows: BTreeMap<data::Refusal, ReasonRow> = BTreeMap::new();
    for outcome in &inspection.records {
        let Some(reason) = outcome.refusal else { continue };
        let row = rows.entry(reason).or_insert_with(|| ReasonRow {
            reason: crate::language::refusal::sentence(reason, language),
            count: 0,
            places: Vec::new(),
        });
        row.count += 1;
        if row.places.len() < PLACES_SHOWN {
            row.places.push(place(&inspection.files, outcome.place));
        }
    }
    let mut rows: Vec<ReasonRow> = rows.into_values().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows
}

fn findings(inspection: &Inspection, language: Language) -> Vec<FindingRow> {
    let mut rows: BTreeMap<Kind, FindingRow> = BTreeMap::new();
    let row = |kind: Kind| FindingRow {
        kind: kind.name().to_owned(),
        title: kind.title(screen_language(language)).to_owned(),
        validated: kind.certainty() == Certainty::Validated,
        findings: 0,
        records: 0,
        places: Vec::new(),
    };
    for outcome in &inspection.records {
        let mut in_record: Vec<Kind> = outcome.findings.iter().map(|found| found.kind).collect();
        for kind in &in_record {
            rows.entry(*kind).or_insert_with(|| row(*kind)).findings += 1;
        }
        in_record.sort_unstable();
        in_record.dedup();
        for kind in in_record {
            let row = rows.entry(kind).or_insert_with(|| row(kind));
            row.records += 1;
            if row.places.len() < FINDING_PLACES_MAX {
                row.places.push(place(&inspection.files, outcome.place));
            }
        }
    }
    rows.into_values().collect()
}

fn duplicates(inspection: &Inspection, language: Language) -> Vec<DuplicateRow> {
    let mut rows = Vec::new();
    for (kind, word) in [
        (MatchKind::SameRecord, t::SAME_RECORD),
        (MatchKind::SameQuestion, t::SAME_QUESTION),
        (MatchKind::Near, t::NEAR),
        (MatchKind::Contained, t::CONTAINED),
    ] {
        let alike = |outcome: &&InspectedRecord| outcome.duplicate_of.is_some_and(|like| like.kind == kind);
        let count = inspection.records.iter().filter(alike).count() as u64;
        if count == 0 {
            continue;
        }
        let places = inspection.records.iter().filter(alike).take(PLACES_SHOWN).filter_map(|outcome| {
            let like = outcome.duplicate_of?;
            let kept = place(&inspection.files, inspection.records.get(like.record)?.place);
            let share = if like.similarity < 1.0 {
                format!(" ({:.0} %)", like.similarity * 100.0)
            } else {
                String::new()
            };
            Some((place(&inspection.files, outcome.place), format!("{kept}{share}")))
        });
        rows.push(DuplicateRow { sort: word.get(language).to_owned(), count, places: places.collect() });
    }
    rows
}

fn split(inspection: &Inspection, language: Language) -> SplitRow {
    const FOLDS_SHOWN: usize = 10;
    let report = &inspection.split;
    let side = |side: &Side| match side {
        Side::Train => t::PART_TRAIN,
        Side::Validation => t::PART_VALIDATION,
        Side::Test => t::PART_TEST,
    };
    let sides = report.sides.iter().map(|(part, count)| (side(part).get(language).to_owned(), *count as u64));
    // One at a time: a list of the groups' sizes says nothing.
    let shown = if inspection.scheme == Scheme::LeaveOneOut { 0 } else { FOLDS_SHOWN };
    let groups = (shown == 0).then(|| (t::PART_GROUPS.get(language).to_owned(), report.groups as u64));
    let folds = report.folds.iter().enumerate().take(shown);
    let folds = folds.map(|(fold, count)| (t::PART_FOLD.with(language, &[&(fold + 1)]), *count as u64));
    let left_out =
        inspection.records.iter().filter(|outcome| outcome.assignment == Some(Assignment::LeftOut)).count();
    let left_out = (left_out > 0).then(|| (t::PART_LEFT_OUT.get(language).to_owned(), left_out as u64));
    SplitRow {
        scheme: scheme(inspection.scheme, report.by_time, language),
        seed: report.seed,
        sizes: sides.chain(groups).chain(folds).chain(left_out).collect(),
        notes: report.notes.iter().map(|found| note(found, language)).collect(),
    }
}

fn scheme(scheme: Scheme, by_time: bool, language: Language) -> String {
    let words = match scheme {
        Scheme::None => t::SCHEME_NONE.get(language).to_owned(),
        Scheme::Given => t::SCHEME_GIVEN.get(language).to_owned(),
        Scheme::Holdout([train, validation, test]) => {
            t::SCHEME_HOLDOUT.with(language, &[&train, &validation, &test])
        }
        Scheme::KFold(folds) => t::SCHEME_FOLDS.with(language, &[&folds]),
        Scheme::LeaveOneOut => t::SCHEME_LEAVE_ONE_OUT.get(language).to_owned(),
    };
    if by_time { format!("{words}{}", t::SCHEME_BY_TIME.get(language)) } else { words }
}

fn note(note: &Note, language: Language) -> String {
    match note {
        Note::TooFewGroups { groups, empty } => t::NOTE_FEW_GROUPS.with(language, &[groups, empty]),
        Note::RareStratum { stratum, records, absent } => {
            t::NOTE_RARE.with(language, &[stratum, records, absent])
        }
        Note::Undated { records } => t::NOTE_UNDATED.with(language, &[records]),
        Note::OlderThanTraining { records } => t::NOTE_OLDER.with(language, &[records]),
        Note::LeftOut { records } => t::NOTE_LEFT_OUT.with(language, &[records]),
    }
}
