//! The runs that the ledger or the database names: what left in each, which records were used, who decided.
//! Used by `collect`. Invariant: a decision is in the ledger if a note there has its statement's digest, and
//! not because the database says so.

use std::collections::BTreeMap;

use common::id::{Digest, RunId};
use common::ledger::{Kind, Record};
use common::wire::message::RoundKey;
use data::manifest::Manifest;
use serde_json::Value;

use super::books::Books;
use super::sent::{self, Sent};
use super::site::note;
use crate::cli::consent::known::Known;
use crate::cli::consent::standing::Standing;
use crate::cli::ledger::report::facts::{
    DataNote, Decision, Newest, Note, Receipt, Replay, RoundOfRun, Run, Screening, Update,
};
use crate::cli::table;
use crate::error::SiteError;
use crate::gateway::consent::statement;
use crate::gateway::store::consent::{Choice, ProposedRun, RunDecision};
use crate::gateway::store::replays::Replayed;
use crate::limits::{MANIFEST_BYTES_MAX, REPORT_NOTES_MAX};
use crate::pipe::files;

/// A run that something here names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    pub(super) run: RunId,
    named_ms: u64,
    proposed: Option<ProposedRun>,
}

/// Every run, the oldest first.
///
/// # Errors
/// `Store`.
pub(super) fn list(known: &Known, sent: &Sent) -> Result<Vec<Listed>, SiteError> {
    let mut all: BTreeMap<RunId, Listed> = BTreeMap::new();
    for name in sent.order() {
        // The grammar of the ledger knows no other text.
        let Ok(run) = name.parse() else { continue };
        all.insert(run, Listed { run, named_ms: sent.of_run(name).named_ms, proposed: None });
    }
    for proposed in known.store.proposed_runs()? {
        let (run, named_ms) = (proposed.run, proposed.first_ms);
        all.entry(run).or_insert(Listed { run, named_ms, proposed: None }).proposed = Some(proposed);
    }
    let mut all: Vec<Listed> = all.into_values().collect();
    all.sort_by_key(|one| (one.named_ms, one.run));
    Ok(all)
}

/// The run that a person means.
///
/// # Errors
/// `Data` when no run, or more than one, begins like this.
pub(super) fn choose(all: &[Listed], text: &str) -> Result<RunId, SiteError> {
    let shown: String = text.chars().take(64).collect();
    let mut matching = all.iter().filter(|one| one.run.to_string().starts_with(text));
    let sentence = match (matching.next(), matching.next()) {
        (Some(one), None) if !text.is_empty() => return Ok(one.run),
        (Some(_), _) => format!("more than one run begins with `{shown}`"),
        _ => format!("neither ledger nor database of this site names a run `{shown}`"),
    };
    Err(SiteError::data(&sentence, "without RUN the report is of all runs; `site-agent runs` lists them"))
}

/// What the report says of one run.
///
/// # Errors
/// `Store`.
pub(super) fn facts(
    known: &Known,
    listed: &Listed,
    all: &Sent,
    books: &Books,
    rounds_max: usize,
) -> Result<Run, SiteError> {
    let run = listed.run.to_string();
    let sent = all.of_run(&run);
    let sum = sent.all.sum();
    let mut rounds = sent.rounds(rounds_max);
    let states = books.states();
    let fits = states.iter().filter(|(key, state)| key.run == listed.run && **state == Receipt::Fits);
    let receipts_fit = fits.count() as u64;
    for round in &mut rounds.shown {
        round.update = update(known, listed.run, round, &states)?;
    }
    let [first, last] = sent::times(&sent);
    let of_run: Vec<&Record> =
        books.records.iter().filter(|record| record.run.as_deref() == Some(&run)).collect();
    let standing = listed.proposed.map(|proposed| Standing::of(known, proposed)).transpose()?;
    let (decisions, notes) = decided(known, standing.as_ref(), &of_run);
    let terms = listed.proposed.map(|proposed| proposed.manifest);
    // The terms of an old run may be gone.
    let manifest = terms.and_then(|terms| known.terms(terms).ok()).map(|terms| terms.signed.manifest);
    Ok(Run {
        name: manifest.as_ref().map(|manifest| manifest.name.clone()),
        state: standing.as_ref().map(|standing| standing.state().word()),
        terms: terms.map(|terms| terms.to_string()),
        roster_code: manifest.as_ref().map(|manifest| manifest.roster.code()),
        frames: sum.frames,
        bytes: sum.bytes,
        update_bytes: sent.all.update_bytes(),
        first,
        last,
        kinds: sent.all.rows(),
        receipts_fit,
        rounds,
        data: used(known, &of_run),
        decisions: Newest::last_of(decisions, REPORT_NOTES_MAX),
        notes_without_decision: Newest::last_of(notes, REPORT_NOTES_MAX),
        run,
    })
}

/// The update of a round that left or was to leave.
fn update(
    known: &Known,
    run: RunId,
    of: &RoundOfRun,
    states: &BTreeMap<RoundKey, Receipt>,
) -> Result<Option<Update>, SiteError> {
    let Some(round) = of.round else { return Ok(None) };
    let key = RoundKey { run, round: common::id::Round(round) };
    let Some(update) = known.store.update(key)? else { return Ok(None) };
    let none = if update.declined { Receipt::Declined } else { Receipt::None };
    Ok(Some(Update {
        sha256: update.digest.to_string(),
        bytes: update.bytes,
        receipt: states.get(&key).copied().unwrap_or(none),
    }))
}

/// The decisions with their notes, and the notes of none.
fn decided(known: &Known, standing: Option<&Standing>, of_run: &[&Record]) -> (Vec<Decision>, Vec<Note>) {
    let is_decision = |kind| matches!(kind, Kind::Approval | Kind::Refusal | Kind::Withdrawal);
    let mut notes: Vec<&Record> = of_run.iter().copied().filter(|record| is_decision(record.kind)).collect();
    let mut decisions = Vec::new();
    for (decision, author) in standing.iter().flat_map(|standing| &standing.decisions) {
        let digest = Digest::of(&statement(&known.coordinator.site, decision)).to_string();
        let kind = noted_as(decision);
        let at = notes.iter().position(|note| note.kind == kind && note.sha256 == digest);
        let sequence = at.map(|at| notes.remove(at).sequence);
        decisions.push(Decision {
            at: table::utc(decision.at_ms),
            choice: decision.choice.word(),
            decided_by: author.word(),
            policy: decision.policy.map(|policy| policy.to_string()),
            terms: decision.manifest.to_string(),
            sequence,
            told_to_coordinator: decision.told,
        });
    }
    (decisions, notes.into_iter().map(note).collect())
}

fn noted_as(decision: &RunDecision) -> Kind {
    match decision.choice {
        Choice::Approved => Kind::Approval,
        Choice::Declined | Choice::OutsidePolicy => Kind::Refusal,
        Choice::Withdrawn => Kind::Withdrawal,
    }
}

/// Which records were used, and what was counted of them.
fn used(known: &Known, of_run: &[&Record]) -> Newest<DataNote> {
    let notes: Vec<&Record> = of_run.iter().copied().filter(|record| record.kind == Kind::Data).collect();
    let Newest { shown, left_out } = Newest::last_of(notes, REPORT_NOTES_MAX);
    let note = |record: &&Record| DataNote {
        sequence: record.sequence,
        at: table::utc(record.time_ms),
        round: record.round,
        root: record.sha256.clone(),
        screening: screening(known, &record.sha256),
    };
    Newest { shown: shown.iter().map(note).collect(), left_out }
}

/// The counts of the manifest with this root, if it is here and is one.
fn screening(known: &Known, root: &str) -> Option<Screening> {
    let path = known.folder.data_manifest(&root);
    let bytes = files::read(&path, MANIFEST_BYTES_MAX).ok()?;
    let manifest = Manifest::from_bytes(&bytes).ok().filter(|manifest| manifest.root == root)?;
    let counts = &manifest.counts;
    Some(Screening {
        read: counts.read,
        used: manifest.records,
        refused: counts.refused.values().sum(),
        blocked: counts.blocked,
        duplicates_dropped: counts.duplicates_dropped,
        left_out: counts.left_out,
        findings: counts.findings.iter().map(|(kind, count)| (kind.to_string(), *count)).collect(),
        mode: serde_json::to_value(manifest.configuration.screen).unwrap_or(Value::Null),
        waiver_sha256: manifest.configuration.waiver_sha256.clone(),
        self_test_passed: manifest.self_test.passed(),
    })
}

/// The replays that were made here, of the run that is asked for or of all.
///
/// # Errors
/// `Store`.
pub(super) fn replays(known: &Known, asked: Option<RunId>) -> Result<Newest<Replay>, SiteError> {
    let all = known.store.replays()?.into_iter().filter(|one| asked.is_none_or(|run| one.key.run == run));
    let fact = |one: Replayed| Replay {
        run: one.key.run.to_string(),
        round: one.key.round.0,
        at: table::utc(one.at_ms),
        verdict: one.verdict.word(),
        sha256: one.digest.map(|digest| digest.to_string()),
    };
    Ok(Newest::last_of(all.map(fact).collect(), REPORT_NOTES_MAX))
}
