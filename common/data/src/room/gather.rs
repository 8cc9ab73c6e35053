//! First pass: every record read, checked, screened and hashed; second pass, where something looks alike: the
//! texts of those records compared. Called by `room::inspect`. Invariant: at most one batch of records is in
//! memory.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::options::{RoomFile, RoomOptions};
use super::outcome::{FoundAt, InspectedRecord, RecordOutcome};
use super::step::Step;
use crate::dedup::{DuplicatePolicy, Duplicates, Keys, Texts};
use crate::error::{DataError, Result};
use crate::hash::content_hash;
use crate::limits::{ROOM_BATCH_RECORDS_MAX, SELF_TEST_RECORDS_MAX};
use crate::provenance::Provenance;
use crate::read::mix::{MixPart, MixUntil, mix};
use crate::read::{self, FileReport, Item};
use crate::record::{Body, Date, Place, Record, Role};
use crate::refusal::Refusal;
use crate::screen::waiver::dataset_digest;
use crate::screen::{self, Finding, Screen};

/// What the first pass keeps of all records.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) files: Vec<FileReport>,
    pub(super) records: Vec<InspectedRecord>,
    pub(super) people: Vec<Person>,
    keys: Keys,
    /// Records on which the screen is tested: those with the smallest content hashes, whatever their order.
    pub(super) sample: BTreeMap<[u8; 32], Record>,
    /// The record (index into `records`) behind each number that the duplicates know.
    pub(super) compared: Vec<usize>,
}

/// What the split is told about a record, and no report shows.
#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    pub(super) patient: Option<Box<str>>,
    pub(super) date: Option<Date>,
}

/// A record after checking and screening.
struct Looked {
    inspected: InspectedRecord,
    person: Person,
    texts: Option<Texts>,
    record: Option<Record>,
    /// Hash of the record as it stands in the file, where a waiver must be compared with it.
    original: Option<[u8; 32]>,
}

pub(super) fn gather(
    files: &[RoomFile],
    options: &RoomOptions,
    progress: &mut dyn FnMut(Step),
) -> Result<Gathered> {
    let screen = Screen::new(options.screen.clone());
    let mut gathered = Gathered::default();
    let mut originals = Vec::new();
    gathered.files = each_batch(files, options, |batch| {
        let looked: Vec<Looked> = batch.into_par_iter().map(|item| look(item, &screen, options)).collect();
        let mut texts = Vec::with_capacity(looked.len());
        for mut record in looked {
            if let Some(compared) = record.texts.take() {
                gathered.compared.push(gathered.records.len());
                texts.push(compared);
            }
            if let Some(whole) = record.record.take() {
                keep_sample(&mut gathered.sample, record.inspected.content, whole);
            }
            originals.extend(record.original);
            gathered.records.push(record.inspected);
            gathered.people.push(record.person);
        }
        gathered.keys.push(&texts);
        progress(Step::Reading { records: gathered.records.len() as u64 });
        Ok(())
    })?;
    if let Some(accepted) = screen.accepted() {
        let refused = |error: screen::waiver::WaiverError| DataError::Setting {
            name: "the waiver",
            reason: error.to_string(),
        };
        accepted.require_dataset(&dataset_digest(&originals)).map_err(refused)?;
    }
    Ok(gathered)
}

/// Finds what is alike among the records that may be trained on; reads the files again where texts must be
/// compared.
pub(super) fn duplicates(
    files: &[RoomFile],
    options: &RoomOptions,
    gathered: &mut Gathered,
    progress: &mut dyn FnMut(Step),
) -> Result<Duplicates> {
    let total = gathered.records.len() as u64;
    let mut candidates = std::mem::take(&mut gathered.keys).candidates(&options.dedup);
    if candidates.pairs() == 0 {
        return Ok(candidates.verify(&options.dedup));
    }
    let (mut seen, mut number) = (0, 0u32);
    let again = each_batch(files, options, |batch| {
        let mut questions = Vec::new();
        for item in batch {
            let is_compared = gathered.compared.get(number as usize) == Some(&seen);
            seen += 1;
            if !is_compared {
                continue;
            }
            if let Item::Record(record) = item
                && candidates.wants(number)
            {
                questions.push((number, Texts::of(&record).question));
            }
            number += 1;
        }
        let offered: Vec<(u32, &str)> =
            questions.iter().map(|(number, question)| (*number, question.as_str())).collect();
        candidates.offer(&offered);
        progress(Step::Comparing { records: seen as u64, total });
        Ok(())
    })?;
    unchanged(&gathered.files, &again)?;
    Ok(candidates.verify(&options.dedup))
}

/// Refuses files that changed between two passes.
pub(super) fn unchanged(before: &[FileReport], after: &[FileReport]) -> Result<()> {
    for (before, after) in before.iter().zip(after) {
        if before != after {
            return Err(DataError::Changed { path: after.path.clone() });
        }
    }
    Ok(())
}

/// Streams all files; returns what was found in each.
pub(super) fn each_batch(
    files: &[RoomFile],
    options: &RoomOptions,
    mut take: impl FnMut(Vec<Item>) -> Result<()>,
) -> Result<Vec<FileReport>> {
    if let Some(weights) = &options.mix {
        let parts = mix_parts(files, weights)?;
        let mut mixture = mix(&parts, MixUntil::default(), options.split.seed, &options.read)?;
        in_batches(&mut mixture, &mut take)?;
        return Ok(mixture.reports().into_iter().map(|report| report.file).collect());
    }
    let paths: Vec<&std::path::Path> = files.iter().map(|file| file.path.as_path()).collect();
    let mut reader = read::open(&paths, &options.read);
    in_batches(&mut reader, &mut take)?;
    Ok(reader.reports().to_vec())
}

fn in_batches(
    items: &mut dyn Iterator<Item = Result<Item>>,
    take: &mut dyn FnMut(Vec<Item>) -> Result<()>,
) -> Result<()> {
    loop {
        let batch = items.take(ROOM_BATCH_RECORDS_MAX).collect::<Result<Vec<Item>>>()?;
        if batch.is_empty() {
            return Ok(());
        }
        take(batch)?;
    }
}

fn mix_parts(files: &[RoomFile], weights: &[u32]) -> Result<Vec<MixPart>> {
    if files.len() != weights.len() {
        let reason = format!("there are {} files and {} weights", files.len(), weights.len());
        return Err(DataError::Setting { name: "mix", reason });
    }
    let part =
        |(file, weight): (&RoomFile, &u32)| MixPart { path: file.path.clone(), weight: f64::from(*weight) };
    Ok(files.iter().zip(weights).map(part).collect())
}

fn look(item: Item, screen: &Screen, options: &RoomOptions) -> Looked {
    let record = match item {
        Item::Refused { place, reason } => return refused(place, reason),
        Item::Record(record) => record,
    };
    let findings = screen.record(&record);
    let standing = screen.standing(&record, &findings);
    let masked = is_masked(&standing, screen.mode()).then(|| screen::mask(&record, &standing));
    let trained = masked.as_ref().unwrap_or(&record);
    let verdict = screen::verdict(&standing, screen.mode());
    // What the screen withholds is withheld, whether it fits or not.
    let refusal = match verdict {
        screen::Verdict::Block => None,
        _ => {
            let origin = options.provenance.look(&record.provenance);
            origin.and_then(|()| options.fit.look(trained)).err()
        }
    };
    let outcome = match (verdict, refusal) {
        (_, Some(_)) => RecordOutcome::Refuse,
        (screen::Verdict::Train, None) => RecordOutcome::Train,
        (screen::Verdict::Warn, None) => RecordOutcome::Warn,
        (screen::Verdict::Block, None) => RecordOutcome::Block,
    };
    let is_usable = outcome <= RecordOutcome::Warn;
    let is_compared = is_usable && options.duplicates != DuplicatePolicy::Ignore;
    let texts = is_compared.then(|| Texts::of(&record));
    let original = screen.accepted().map(|_| content_hash(&record));
    let (asked, question_characters) = said_by(&record, Role::User);
    let (_, answer_characters) = said_by(&record, Role::Assistant);
    let person = Person { patient: record.patient.as_deref().map(Box::from), date: record.date };
    let inspected = InspectedRecord {
        place: record.place,
        outcome,
        refusal,
        format: Some(record.format),
        stratum: record.stratum.clone(),
        turns: turns(&record),
        questions: asked,
        characters: characters(&record),
        question_characters,
        answer_characters,
        findings: findings.iter().filter_map(|finding| found_at(&record, finding)).collect(),
        duplicate_of: None,
        is_dropped: false,
        assignment: None,
        group: None,
        provenance: record.provenance,
        content: content_hash(trained),
    };
    Looked { inspected, person, texts, record: Some(record), original }
}

/// A record that its reader refused.
fn refused(place: Place, reason: Refusal) -> Looked {
    let inspected = InspectedRecord {
        place,
        outcome: RecordOutcome::Refuse,
        refusal: Some(reason),
        format: None,
        stratum: None,
        turns: 0,
        questions: 0,
        characters: 0,
        question_characters: 0,
        answer_characters: 0,
        findings: Vec::new(),
        duplicate_of: None,
        is_dropped: false,
        assignment: None,
        group: None,
        provenance: Provenance::default(),
        content: [0; 32],
    };
    Looked { inspected, person: Person::default(), texts: None, record: None, original: None }
}

/// The record as it is trained on: in `mask` mode with placeholders for what was found.
pub(super) fn as_trained(record: Record, findings: &[Finding], mode: screen::Mode) -> Record {
    if is_masked(findings, mode) { screen::mask(&record, findings) } else { record }
}

fn is_masked(findings: &[Finding], mode: screen::Mode) -> bool {
    mode == screen::Mode::Mask && !findings.is_empty()
}

/// Keeps the records with the smallest hashes: a random sample that does not depend on the order of reading.
fn keep_sample(sample: &mut BTreeMap<[u8; 32], Record>, content: [u8; 32], record: Record) {
    let is_full = sample.len() >= SELF_TEST_RECORDS_MAX;
    if is_full && sample.last_key_value().is_some_and(|(largest, _)| *largest <= content) {
        return;
    }
    // Of records with the same content the first stays.
    sample.entry(content).or_insert(record);
    if sample.len() > SELF_TEST_RECORDS_MAX {
        sample.pop_last();
    }
}

fn turns(record: &Record) -> u32 {
    match &record.body {
        Body::Conversation(turns) => u32::try_from(turns.len()).unwrap_or(u32::MAX),
        Body::Text(_) => 0,
    }
}

fn characters(record: &Record) -> u32 {
    let count: usize = record.fields.iter().map(|field| field.text.chars().count()).sum();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How often somebody speaks in the conversation, and the characters of the longest of these turns.
fn said_by(record: &Record, role: Role) -> (u32, u32) {
    let Body::Conversation(turns) = &record.body else { return (0, 0) };
    let said = turns.iter().filter(|turn| turn.role == role);
    let lengths = said.map(|turn| record.text_of(&turn.parts).chars().count());
    let (count, longest) = lengths.fold((0, 0), |(count, longest), length| (count + 1, length.max(longest)));
    (count, u32::try_from(longest).unwrap_or(u32::MAX))
}

fn found_at(record: &Record, finding: &Finding) -> Option<FoundAt> {
    let field = record.fields.get(finding.field)?.path.clone();
    let Finding { kind, certainty, start, end, .. } = *finding;
    Some(FoundAt { kind, certainty, field, start, end })
}
