//! What an operator launched: the first event of a run's journal, and everything a run needs to know until
//! it is over. Made by `execution::launch`. Used by `event`, `state`, and everybody who reads a run's state.
//! Invariant: each file it names is pinned by its digest, so that no file can change under a run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::id::{Digest, RunId, SiteId};
use common::run::{OverlapTerms, RunSpec, Weighting};
use serde::{Deserialize, Serialize};

/// A file an operator named, pinned by content so that it cannot change under a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedFile {
    /// Absolute path on the coordinator.
    pub path: PathBuf,
    /// SHA-256 of its bytes at launch.
    pub digest: Digest,
}

/// An evaluation suite, pinned: the suite file, and the file of records beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedSuite {
    /// What the suite file calls it.
    pub name: String,
    /// How is asked and scored.
    pub file: PinnedFile,
    /// What is asked.
    pub records: PinnedFile,
}

/// What was launched: the run file with everything it refers to pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchedRun {
    /// The run's id.
    pub run: RunId,
    /// The run file.
    pub spec: RunSpec,
    /// The coordinator's copy of the base model.
    pub model: PathBuf,
    /// Fingerprint of the loaded (quantised) base model; sites must find the same.
    pub model_fingerprint: Digest,
    /// Sites that take part, sorted: those that had joined at launch.
    pub sites: Vec<SiteId>,
    /// Steers, every round. Without one, rounds are published unevaluated.
    pub validation: Option<PinnedFile>,
    /// Opened once, at the end. Without one, the run ends with its last round.
    pub test: Option<PinnedFile>,
    /// Asked after the last round, in this order; none in journals of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<PinnedSuite>,
    /// The manifest blob that sites fetch.
    pub manifest: Digest,
    /// Length of the manifest blob in bytes.
    pub manifest_bytes: u64,
    /// The adapter that round 1 starts from.
    pub initial: Digest,
    /// Length of every adapter of this run in bytes.
    pub adapter_bytes: u64,
    /// The comparison of sites' records with the held-out set; `None` without one, and in journals of older
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapTerms>,
    /// The run whose last published adapter this one starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Where each site trains alone: the run in which they trained together that it is shown beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
    /// How often earlier runs had opened the test file when this one was launched.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub test_openings_before: u32,
    /// Whether its sites are asked first; false in journals of older versions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_approval: bool,
    /// What had arrived of each site by then; of a run that was queued when it left the queue.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sent_before: BTreeMap<SiteId, Sent>,
    /// Of a run that was to wait for its turn; none in journals of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<Queued>,
}

/// A run that waits for its turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queued {
    /// SHA-256 of the certificate of the operator who launched it; none on the coordinator's own machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Digest>,
}

/// What arrived of a site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// Frames.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// The run that another one goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Which.
    pub run: RunId,
    /// How many of its rounds were published by then.
    pub rounds: u32,
}

/// The run in which sites trained together that a run of each alone is shown beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// Which.
    pub run: RunId,
    /// Its final adapter, which is measured on the same records.
    pub adapter: Digest,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl LaunchedRun {
    /// How updates of this run are weighed.
    pub fn weighting(&self) -> Weighting {
        self.spec.aggregation.weighting
    }
}
