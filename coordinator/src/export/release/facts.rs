//! `facts.json` of a release: what the program knows of the run from its journal, its database and its log,
//! and what it does not know. Used by `collect` (makes it), `gates` and the documents. Invariants: nothing in
//! it was typed for the release; of this machine there is no path in it; what is not known is named.

use std::collections::BTreeMap;

use common::id::{Digest, RunId, SiteId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of both files.
pub const FORMAT: u32 = 1;

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// [`FORMAT`].
    pub format: u32,
    /// The program that knows this.
    pub program: Program,
    /// The run.
    pub run: RunFacts,
    /// The base model.
    pub base: BaseFacts,
    /// The adapter that is released.
    pub adapter: AdapterFacts,
    /// What it was measured on.
    pub held_out: HeldOut,
    /// Every setting of the run file but names and paths, seeds included.
    pub settings: BTreeMap<String, Value>,
    /// What round 1 began with.
    pub initial: Initial,
    /// The rounds, in order.
    pub rounds: Vec<RoundFacts>,
    /// What each site decided, by name.
    pub approvals: BTreeMap<SiteId, Approval>,
    /// Guarantees of privacy.
    pub privacy: Privacy,
    /// Ledgers and log as they stand; the one part that may change after the run.
    pub standing: Standing,
    /// What it does not know, and where that is.
    pub unknown: BTreeMap<String, String>,
}

/// Which program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its version.
    pub version: String,
    /// SHA-256 of the list of all parts it was built from, with their checksums (`Cargo.lock`).
    pub parts_sha256: Digest,
}

/// The run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// Its id.
    pub id: RunId,
    /// Its name.
    pub name: String,
    /// SHA-256 of its terms, `terms.txt` of the release.
    pub terms: Digest,
    /// Whether the consortium's key signed them.
    pub terms_are_signed: bool,
    /// The operator whose signature they bear; `null` where it was launched on the coordinator's machine.
    pub launched_by: Option<String>,
    /// The members' code, which officers read to each other.
    pub members_code: String,
    /// When it was launched (RFC 3339, UTC).
    pub launched: String,
    /// When it was over.
    pub ended: Option<String>,
    /// As in `coordinator status --json`.
    pub phase: String,
    /// Rounds that were planned.
    pub rounds: u32,
    /// Rounds that were published.
    pub published: u32,
    /// The run that it went on from.
    pub origin: Option<RunId>,
    /// Whether sites were asked before it began; false in runs of older versions.
    pub sites_were_asked: bool,
    /// Second updates of a site for one round, which were refused.
    pub conflicts: usize,
    /// From launch to end, in seconds.
    pub duration_s: Option<f64>,
}

/// The base model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseFacts {
    /// Its name: of the hub's cache, or of its folder.
    pub name: String,
    /// Its revision, where the folder is one of the hub's cache.
    pub revision: Option<String>,
    /// SHA-256 over the weights as they were held.
    pub fingerprint: Digest,
    /// As its own card says.
    pub licence: Option<String>,
}

/// The adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterFacts {
    /// SHA-256 as it was published.
    pub sha256: Digest,
    /// Its length in bytes.
    pub bytes: u64,
    /// LoRA rank.
    pub rank: usize,
    /// LoRA alpha.
    pub alpha: f64,
    /// The linears that have one.
    pub targets: Vec<String>,
}

/// The held-out files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOut {
    /// SHA-256 of the validation file.
    pub validation: Option<Digest>,
    /// SHA-256 of the test file.
    pub test: Option<Digest>,
    /// Whether sites compared their records with them, and left out what was too close.
    pub compared: bool,
}

/// What round 1 began with, back to a fresh adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Initial {
    /// What kind it was.
    pub from: Start,
    /// The run that it was the model of, then the one before that, as far as they are known.
    pub ancestors: Vec<Ancestor>,
}

/// What a run began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// An adapter that changes nothing.
    Fresh,
    /// The model of another run.
    Run,
    /// A folder of adapters: nothing is known of the records behind it.
    Folder,
}

/// A run whose records are in the model, because a later one went on from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ancestor {
    /// Which.
    pub run: RunId,
    /// What it began with itself.
    pub from: Start,
    /// How many of its rounds were published when the later one began.
    pub rounds: u32,
    /// Its held-out files.
    pub held_out: HeldOut,
    /// Whether its sites were asked before it began.
    pub sites_were_asked: bool,
    /// What each site decided whose update is in one of these rounds.
    pub approvals: BTreeMap<SiteId, Approval>,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundFacts {
    /// Its number, from 1.
    pub round: u32,
    /// The adapter that it began with.
    pub from: Digest,
    /// Its average.
    pub adapter: Option<Digest>,
    /// Whether it became the run's model.
    pub published: bool,
    /// Whether it was measured on the validation set.
    pub measured: bool,
    /// Whether its validation loss forbade it.
    pub vetoed: bool,
    /// The updates in it, by site.
    pub updates: BTreeMap<SiteId, UpdateFacts>,
    /// Who does not count, and why.
    pub missing: BTreeMap<SiteId, String>,
    /// Updates that are far from the others.
    pub outliers: Vec<SiteId>,
}

/// One update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateFacts {
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Records trained on, as the site rounds them.
    pub records: u64,
    /// Its weight in the average, 0 to 1.
    pub weight: Option<f64>,
}

/// What a site decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// SHA-256 of the public key of its certificate, as the terms have it.
    pub key: Option<Digest>,
    /// `approved`, `declined`, `outside_policy` or `withdrawn`; `null` where it did not answer.
    pub decision: Option<String>,
    /// Since when (RFC 3339, UTC).
    pub since: Option<String>,
    /// Whether the operator revoked it in this run.
    pub revoked: bool,
}

impl Approval {
    /// Whether the site agreed, and still counts.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.decision.as_deref() == Some("approved") && !self.revoked
    }
}

/// Guarantees of privacy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    /// (epsilon, delta) of each site; `null`: this version adds no noise.
    pub differential: Option<Value>,
    /// Secure aggregation; `null`: this version's coordinator sees each update.
    pub secure_aggregation: Option<Value>,
    /// The result of a privacy audit; `null`: this version has none.
    pub audit: Option<Value>,
}

/// Ledgers and log at an instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// When (RFC 3339, UTC).
    pub at: String,
    /// The ledger of each site that counts, here or in an ancestor, as far as it was proved to the
    /// coordinator.
    pub ledgers: BTreeMap<SiteId, LedgerFacts>,
    /// The coordinator's log of acts.
    pub acts: ActsFacts,
}

/// A site's ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerFacts {
    /// Its records; `null` where it never said.
    pub size: Option<u64>,
    /// Its root.
    pub root: Option<Digest>,
    /// Whether there is an open question about it.
    pub is_in_question: bool,
}

impl LedgerFacts {
    /// Whether it is known, and nothing about it is open.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.root.is_some() && !self.is_in_question
    }
}

/// The log of acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActsFacts {
    /// Whether every line and the signed head hold.
    pub intact: bool,
    /// Its lines.
    pub size: u64,
    /// Its root.
    pub root: Option<Digest>,
}

impl Facts {
    /// Sites whose update is in a published round.
    pub fn contributors(&self) -> impl Iterator<Item = &SiteId> {
        let published = self.rounds.iter().filter(|round| round.published);
        let sites: std::collections::BTreeSet<&SiteId> =
            published.flat_map(|round| round.updates.keys()).collect();
        sites.into_iter()
    }

    /// Sites whose update is in the model: of this run, and of those that it goes on from.
    pub fn trained(&self) -> impl Iterator<Item = &SiteId> {
        let before = self.initial.ancestors.iter().flat_map(|ancestor| ancestor.approvals.keys());
        self.contributors().chain(before).collect::<std::collections::BTreeSet<_>>().into_iter()
    }

    /// The round whose adapter is released.
    #[must_use]
    pub fn released(&self) -> Option<&RoundFacts> {
        self.rounds.iter().rev().find(|round| round.published)
    }

    /// Whether two collections say the same of the run; what stands may differ.
    #[must_use]
    pub fn say_the_same(&self, other: &Self) -> bool {
        let standing = &self.standing;
        *self == Self { standing: standing.clone(), ..other.clone() }
    }
}
