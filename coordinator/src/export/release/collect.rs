//! What is known of a run, from the state folder alone. Called by the subcommands of `cli::release`.
//! Invariants: it only reads; nothing is taken from what a person typed for the release; what is not known is
//! named as unknown.

use std::collections::BTreeMap;
use std::path::Path;

use certs::ReceiptPublicKey;
use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use common::run::{LaunchSignature, RunManifest, SignedManifest};

use super::bill;
use super::evaluation::{Evaluation, Graded};
use super::facts::{
    ActsFacts, AdapterFacts, BaseFacts, FORMAT, Facts, LedgerFacts, Privacy, Program, RoundFacts, RunFacts,
    Standing, UpdateFacts,
};
use super::files;
use super::start;
use crate::admin::acts::Acts;
use crate::admin::report::{RunReport, run_report};
use crate::error::{Error, Result};
use crate::evaluate::details::Details;
use crate::execution::launch::held_out;
use crate::execution::runs::Runs;
use crate::export::card;
use crate::limits::RELEASE_TERMS_BYTES_MAX;
use crate::report::{Report, collect::report};
use crate::round::alone;
use crate::round::state::{RoundRecord, RunState};
use crate::state_folder::StateFolder;
use crate::store::Store;

/// What the coordinator has open.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The state folder.
    pub folder: &'a StateFolder,
    /// Its database.
    pub store: &'a Store,
    /// All runs.
    pub runs: &'a Runs,
    /// Its log of acts.
    pub acts: &'a Acts,
    /// Now.
    pub now: Timestamp,
}

/// What was collected.
#[derive(Debug, Clone, PartialEq)]
pub struct Collected {
    /// What is known.
    pub facts: Facts,
    /// What was measured.
    pub evaluation: Evaluation,
    /// The run's terms with their signatures, as sites have them.
    pub terms: Vec<u8>,
}

/// Of a run, and of a review where there was one.
///
/// # Errors
/// Each site trained alone, nothing is published, the terms are not there, or the database cannot be read.
pub fn collect(place: &Place<'_>, state: &RunState, graded: Option<&Graded>) -> Result<Collected> {
    let run = state.launched.run.to_string();
    if alone::is_alone(state) {
        return Err(Error::TrainedAlone(run));
    }
    if state.published() == 0 {
        return Err(Error::NothingPublished(run));
    }
    let details = Details::read(&place.folder.details(state.launched.run))?;
    let (status, report) = (
        run_report(place.store, place.runs, state, 0, place.now)?,
        report(place.store, place.runs, state, details, place.now)?,
    );
    let terms = files::read(&place.folder.blob(state.launched.manifest), RELEASE_TERMS_BYTES_MAX)?;
    let facts = facts(place, state, &status, &report, &terms)?;
    let evaluation = Evaluation::of(report, openings_elsewhere(place, state), graded)?;
    Ok(Collected { facts, evaluation, terms })
}

fn facts(
    place: &Place<'_>,
    state: &RunState,
    status: &RunReport,
    report: &Report,
    terms: &[u8],
) -> Result<Facts> {
    let launched = &state.launched;
    let adapter = &launched.spec.adapter;
    let manifest = signed_terms(terms, place.acts.receipt_key());
    let rounds = state.rounds.iter().zip(&status.history).map(|(record, shown)| {
        round(
            record,
            &shown.weights,
            shown.missing.iter().map(|(site, why)| (site.as_str(), why.word.as_str())),
        )
    });
    let key = |site: &SiteId| manifest.as_ref().and_then(|terms| terms.manifest.roster.member(site));
    let approved =
        |site: &SiteId| (site.clone(), start::approval(state, site, key(site).map(|member| member.key)));
    let mut facts = Facts {
        format: FORMAT,
        program: Program { version: env!("CARGO_PKG_VERSION").to_owned(), parts_sha256: bill::digest() },
        run: run_facts(state, report, terms, manifest.as_ref()),
        base: base(&launched.model, launched.model_fingerprint),
        adapter: AdapterFacts {
            sha256: state.model(),
            bytes: launched.adapter_bytes,
            rank: adapter.rank,
            alpha: adapter.alpha,
            targets: adapter.target_modules.names(),
        },
        held_out: start::held_out(launched),
        initial: start::initial(place.runs, state),
        settings: report.provenance.settings.clone(),
        rounds: rounds.collect::<Result<_>>()?,
        approvals: launched.sites.iter().map(approved).collect(),
        privacy: Privacy { differential: None, secure_aggregation: None, audit: None },
        standing: Standing { at: place.now.rfc3339(), ledgers: BTreeMap::new(), acts: acts(place.acts) },
        unknown: unknown(),
    };
    let trained: Vec<SiteId> = facts.trained().cloned().collect();
    for site in trained {
        let ledger = ledger(place.store, &site)?;
        facts.standing.ledgers.insert(site, ledger);
    }
    Ok(facts)
}

/// How often other runs have opened the same test file by now, before this one or after it.
fn openings_elsewhere(place: &Place<'_>, state: &RunState) -> u32 {
    let own = u32::try_from(state.test.openings.len()).unwrap_or(u32::MAX);
    let all = state.launched.test.as_ref().map_or(0, |test| held_out::openings(place.runs, test.digest));
    all.saturating_sub(own).max(state.launched.test_openings_before)
}

fn run_facts(state: &RunState, report: &Report, terms: &[u8], manifest: Option<&Terms>) -> RunFacts {
    let launched = &state.launched;
    RunFacts {
        id: launched.run,
        name: launched.spec.name.clone(),
        terms: Digest::of(terms),
        terms_are_signed: manifest.is_some_and(|it| it.manifest.run == launched.run)
            && Digest::of(terms) == launched.manifest,
        launched_by: manifest.and_then(|it| it.launched_by.clone()),
        members_code: manifest.map(|it| it.manifest.roster.code()).unwrap_or_default(),
        launched: state.launched_at.rfc3339(),
        ended: state.ended_at.map(Timestamp::rfc3339),
        phase: state.phase.word().to_owned(),
        rounds: launched.spec.rounds,
        published: state.published(),
        origin: launched.origin.map(|origin| origin.run),
        sites_were_asked: launched.needs_approval,
        conflicts: state.conflicts.len(),
        duration_s: report.timings.run_s.filter(|_| state.is_over()),
    }
}

/// Terms that the consortium's key signed.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) manifest: RunManifest,
    launched_by: Option<String>,
}

/// The terms in these bytes, if this key signed them.
pub(super) fn signed_terms(bytes: &[u8], key: &ReceiptPublicKey) -> Option<Terms> {
    let signed = SignedManifest::from_bytes(bytes).ok()?;
    key.verify(&signed.manifest.statement().ok()?, &signed.signature).ok()?;
    let launched_by = match &signed.launched_by {
        None => None,
        Some(LaunchSignature { certificate_der, signature }) => {
            let statement = signed.manifest.launch_statement().ok()?;
            let peer = certs::launch::signed_by(certificate_der, &statement, signature).ok()?;
            Some(peer.member().ok()?.1.to_owned())
        }
    };
    Some(Terms { manifest: signed.manifest, launched_by })
}

fn base(folder: &Path, fingerprint: Digest) -> BaseFacts {
    let last = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let is_of_hub = folder.parent().is_some_and(|above| above.ends_with("snapshots"));
    BaseFacts {
        name: card::name_of(folder),
        revision: last(folder).filter(|_| is_of_hub),
        fingerprint,
        licence: card::licence_of(folder),
    }
}

fn round<'a>(
    record: &RoundRecord,
    weights: &BTreeMap<String, f64>,
    missing: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<RoundFacts> {
    let updates = record.updates.iter().map(|(site, update)| {
        let weight = weights.get(site.as_str()).copied();
        (site.clone(), UpdateFacts { sha256: update.digest, records: update.records, weight })
    });
    let missing = missing.map(|(site, why)| {
        let site = site.parse().map_err(|_| Error::Internal("a site's name".into()))?;
        Ok((site, why.to_owned()))
    });
    Ok(RoundFacts {
        round: record.round.0,
        from: record.from,
        adapter: record.aggregate.map(|aggregate| aggregate.digest),
        published: record.published_at.is_some(),
        measured: record.score.as_ref().is_some_and(|score| score.metrics().is_some()),
        vetoed: record.vetoed.is_some(),
        updates: updates.collect(),
        missing: missing.collect::<Result<_>>()?,
        outliers: record.outliers.iter().map(|outlier| outlier.site.clone()).collect(),
    })
}

fn ledger(store: &Store, site: &SiteId) -> Result<LedgerFacts> {
    let head = store.ledger_head(site)?;
    Ok(LedgerFacts {
        size: head.map(|head| head.size),
        root: head.map(|head| head.root),
        is_in_question: store.ledger_question(site)?.is_some(),
    })
}

fn acts(acts: &Acts) -> ActsFacts {
    match acts.verify(&[], |_| {}) {
        Ok(state) => {
            let head = state.head();
            ActsFacts { intact: true, size: head.size, root: Some(head.root) }
        }
        Err(_) => ActsFacts { intact: false, size: 0, root: None },
    }
}

/// What a coordinator does not hear of, and where it is.
fn unknown() -> BTreeMap<String, String> {
    let all = [
        ("data_manifest_roots", "in each site's ledger, whose root is in standing.ledgers"),
        ("records_refused_by_reason", "in each site's data report"),
        ("duplicates", "in each site's data report"),
        ("screen_version_and_recall", "in each site's data report"),
        ("signatures_of_privacy_officers", "in each site's ledger: the coordinator hears the decision alone"),
        ("hardware_of_sites", "with each site"),
        ("energy", "with each site"),
    ];
    all.into_iter().map(|(what, place)| (what.to_owned(), place.to_owned())).collect()
}
