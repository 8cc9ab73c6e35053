//! Computes a past round again and compares the bytes with what left: equal bytes prove that the update is
//! the declared function of model, records, terms and seed, with no bit free for anything else.
//!
//! ```text
//! scratch (a state folder of its own) -> process (the worker, behind its locks) -> protect
//!         -> evidence (the ledger's records of the frames) -> verdict
//! ```
//!
//! Called by `cli::replay`. Invariants: the worker is the one of a round, with the same locks and the same
//! code, and so is the last stage before the border; nothing of a replay leaves, and it changes nothing of
//! the round; what it wrote is removed at its end, or at the beginning of the next.

use std::path::Path;

use common::id::Digest;
use common::ledger::{Kind, Record};
use common::run::{RunManifest, SignedManifest};
use common::wire::message::RoundKey;

use super::distance::{self, TOLERANCE};
use super::evidence::{self, Frames};
use super::process::ReplayWorker;
use super::scratch::{Kept, Scratch};
use crate::config::AgentConfig;
use crate::config::computed_on::ComputedOn;
use crate::error::SiteError;
use crate::gateway::protect::{Limits, RawUpdate, canonical};
use crate::gateway::store::Update;
use crate::gateway::store::replays::{Made, Verdict};
use crate::paths::StateFolder;
use crate::pipe::{Progress, RawFacts, round_file_stem};

/// What is known of the round, before anything is computed.
#[derive(Debug)]
pub(super) struct Round<'a> {
    pub(super) folder: &'a StateFolder,
    pub(super) config: &'a AgentConfig,
    pub(super) manifest: &'a SignedManifest,
    /// SHA-256 of its file.
    pub(super) terms: Digest,
    /// The update as the site's database has it.
    pub(super) update: &'a Update,
    pub(super) made: &'a Made,
    /// Where chunks of it began that are not where a whole number of chunks ends: a hint where to look.
    pub(super) odd_offsets: &'a [u64],
    /// The ledger, verified.
    pub(super) ledger: &'a [Record],
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// Root of the records as they are now.
    pub(super) root: Digest,
    /// Root that the ledger notes for the round.
    pub(super) noted_root: Option<Digest>,
    /// What was computed; none where the records are others.
    pub(super) computed: Option<Computed>,
}

/// An update that was computed again.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) digest: Digest,
    /// Whether it is the one that the site's database names.
    pub(super) is_sent: bool,
    pub(super) facts: RawFacts,
    /// What rounded its numbers.
    pub(super) computed_on: ComputedOn,
    /// How many frames of the ledger are frames of these bytes.
    pub(super) frames: Frames,
    /// How far the values are from those that left, as a share of what the round changed: none where the
    /// bytes are the same, or the sent file is not kept.
    pub(super) distance: Option<f64>,
    /// Why the bytes may differ though nothing is wrong.
    pub(super) differences: Vec<String>,
    /// The run left records out after the comparison with the held-out set: which, is the round's worker's
    /// word.
    pub(super) takes_verdict: bool,
}

/// Computes the round again. `show` hears of every step of the training.
///
/// # Errors
/// `Data` when a file that it needs is gone, or the worker cannot train; `Io`; `Pipe`; `Internal`.
pub(super) fn replay(round: &Round<'_>, show: &mut dyn FnMut(&Progress)) -> Result<Outcome, SiteError> {
    let key = round.made.key;
    let scratch = Scratch::make(&Kept {
        folder: round.folder,
        config: round.config,
        terms: round.terms,
        made: round.made,
    })?;
    let noted_root = noted_root(round.ledger, key);
    if noted_root.is_none() || !evidence::has_offer(round.ledger, key) {
        return Err(SiteError::data(
            "this ledger has no record of that round's records, or of its update: there is nothing to compare with",
            "a ledger that was begun anew does not know earlier rounds",
        ));
    }
    let mut worker = ReplayWorker::start(scratch.folder(), &scratch.log())?;
    let root = worker.prepare(key, round.terms)?;
    if noted_root != Some(root) {
        return Ok(Outcome { verdict: Verdict::OtherRecords, root, noted_root, computed: None });
    }
    let facts = worker.train(key, round.terms, round.made.adapter, show)?.bounded();
    worker.end();
    let (verdict, computed) = round.compare(&scratch, facts)?;
    Ok(Outcome { verdict, root, noted_root, computed: Some(computed) })
}

impl Round<'_> {
    /// What the worker made, beside what left.
    fn compare(&self, scratch: &Scratch, facts: RawFacts) -> Result<(Verdict, Computed), SiteError> {
        let (key, manifest) = (self.made.key, &self.manifest.manifest);
        let part = scratch.folder().outbox().join("replayed");
        let limits =
            Limits { mantissa_bits: self.made.mantissa_bits, bytes_max: u64::MAX, norm_max: f64::MAX };
        let raw = scratch.folder().raw().join(format!("{}.safetensors", round_file_stem(key.run, key.round)));
        let made = RawUpdate { key, facts: &facts, manifest };
        let (digest, bytes) = canonical(&raw, &part, &made, &limits)?;
        let again = Update {
            digest,
            bytes,
            records: facts.records,
            tokens: facts.tokens,
            loss: facts.loss,
            ..self.update.clone()
        };
        let frames = evidence::frames(self.ledger, &again, self.odd_offsets, &part)?;
        let computed_on = ComputedOn::here(self.config.training.device);
        let differences = differences(self.made, computed_on);
        let is_sent = digest == self.update.digest;
        let distance = if is_sent { None } else { self.distance(scratch, &part, manifest)? };
        let is_close = distance.is_some_and(|share| share <= TOLERANCE);
        let verdict = if is_sent && frames.all_match() {
            Verdict::Same
        } else if !is_sent && !differences.is_empty() && is_close && self.sent_is_in_ledger()? {
            Verdict::Near
        } else {
            Verdict::Different
        };
        let takes_verdict = manifest.overlap.is_some();
        let computed =
            Computed { digest, is_sent, facts, computed_on, frames, distance, differences, takes_verdict };
        Ok((verdict, computed))
    }

    /// Whether the file that is kept as the one that was sent is the one of the ledger's frames.
    fn sent_is_in_ledger(&self) -> Result<bool, SiteError> {
        let sent = self.folder.outbox().join(self.update.digest.to_string());
        Ok(evidence::frames(self.ledger, self.update, self.odd_offsets, &sent)?.all_match())
    }

    /// How far the new update is from the one that was sent, where that one is still here.
    fn distance(
        &self,
        scratch: &Scratch,
        replayed: &Path,
        manifest: &RunManifest,
    ) -> Result<Option<f64>, SiteError> {
        let sent = self.folder.outbox().join(self.update.digest.to_string());
        let start = scratch.folder().inbox().join(self.made.adapter.to_string());
        let factors = manifest.factors(self.made.key.round);
        distance::share(&sent, self.update, replayed, &start, &manifest.tensors, factors)
    }
}

/// The root of the records that the ledger notes for a round: the last one of its run up to that round. That
/// of round 0 was noted when the result was measured, after all rounds.
pub(super) fn noted_root(ledger: &[Record], key: RoundKey) -> Option<Digest> {
    let run = key.run.to_string();
    let is_of_it = |record: &&Record| {
        record.kind == Kind::Data
            && record.run.as_deref() == Some(&run)
            && record.round.is_some_and(|round| (1..=key.round.0).contains(&round))
    };
    ledger.iter().rfind(is_of_it).and_then(|record| record.sha256.parse().ok())
}

/// What is not as it was when the update was made.
pub(super) fn differences(made: &Made, computed_on: ComputedOn) -> Vec<String> {
    let mut differences = Vec::new();
    if made.computed_on != computed_on {
        let (then, now) = (made.computed_on.word(), computed_on.word());
        differences.push(format!("it was computed on {then}, and now on {now}"));
    } else if computed_on == ComputedOn::Gpu {
        differences.push("a GPU adds in no fixed order".to_owned());
    }
    if made.machine != std::env::consts::ARCH {
        differences.push(format!("the machine was {}, and is {}", made.machine, std::env::consts::ARCH));
    }
    if made.version != env!("CARGO_PKG_VERSION") {
        let now = env!("CARGO_PKG_VERSION");
        differences.push(format!("it was made by version {}, and this is {now}", made.version));
    }
    differences
}
