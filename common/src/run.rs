//! What a run file says ([`RunSpec`]) and what the sites are told of it ([`RunManifest`]). The manifest
//! is canonical JSON, named by its hash: a site can show later which terms it agreed to.
//!
//! Used by the coordinator (reads run files, writes manifests) and the site agent (reads manifests).
//! Invariant: what `validate` accepts is within `limits`.

mod error;
mod settings;
mod training;

use serde::{Deserialize, Serialize};

use crate::id::{Digest, Point, RunId, SiteId};
use crate::limits::{ROUND_DEADLINE_S_MAX, ROUNDS_MAX, RUN_NAME_CHARACTERS_MAX, SITES_MAX};
use error::bound;

pub use error::RunError;
pub use settings::{
    AdapterSettings, AggregationMethod, AggregationSettings, BaseSettings, Compute, OverlapSettings,
    QuorumSettings, TargetModules, WeightFormat, Weighting,
};
pub use training::{Batching, Schedule, TrainingSettings};

/// A run file, as the person at the coordinator writes it. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// A name for people; shown in tables and reports.
    pub name: String,
    /// How many federated rounds; at least 1.
    pub rounds: u32,
    /// The coordinator's copy of the base model (a Hugging Face folder), relative to the run file.
    pub model: Option<std::path::PathBuf>,
    /// Held-out records that steer: evaluated after every round.
    pub validation: Option<std::path::PathBuf>,
    /// Held-out records that are opened once, at the end.
    pub test: Option<std::path::PathBuf>,
    /// When a round closes, and when it fails.
    pub quorum: QuorumSettings,
    /// The adapter that is trained.
    #[serde(default)]
    pub adapter: AdapterSettings,
    /// How each site trains in each round.
    pub training: TrainingSettings,
    /// How the frozen base is held in memory.
    #[serde(default)]
    pub base: BaseSettings,
    /// How updates become one adapter.
    #[serde(default)]
    pub aggregation: AggregationSettings,
    /// Whether sites compare their records with the held-out ones.
    #[serde(default)]
    pub overlap: OverlapSettings,
}

impl RunSpec {
    /// Checks every number against its bounds.
    ///
    /// # Errors
    /// [`RunError::OutOfBounds`] for the first key whose value is outside its bounds.
    pub fn validate(&self) -> Result<(), RunError> {
        let length = self.name.chars().count();
        let name_is_fine =
            (1..=RUN_NAME_CHARACTERS_MAX).contains(&length) && !self.name.contains(char::is_control);
        bound(name_is_fine, "name", format!("{:?}", self.name), "1 to 64 printable characters")?;
        let rounds_are_fine = (1..=ROUNDS_MAX).contains(&self.rounds);
        bound(rounds_are_fine, "rounds", self.rounds, "1 to 10000")?;
        let sites = self.quorum.sites;
        bound((1..=SITES_MAX).contains(&sites), "quorum.sites", sites, "1 to 100")?;
        let deadline = self.quorum.deadline_s;
        let is_fine = (1..=ROUND_DEADLINE_S_MAX).contains(&deadline);
        bound(is_fine, "quorum.deadline_s", deadline, "1 to 604800 (a week)")?;
        self.adapter.validate()?;
        self.overlap.validate()?;
        self.training.validate()?;
        // A site has no validation file of its own that a run file could name.
        let patience = self.training.early_stopping_patience;
        let can_stop = patience == 0 || self.training.validation_share > 0.0;
        let key = "training.early_stopping_patience";
        bound(can_stop, key, patience, "0 unless training.validation_share is above 0")
    }
}

/// What the coordinator tells every site of a run: the terms, the base model it must hold, and who may
/// take part. Serialised as JSON with a fixed field order; its SHA-256 names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunManifest {
    /// The run.
    pub run: RunId,
    /// The run's name, for the people at the site.
    pub name: String,
    /// Number of rounds.
    pub rounds: u32,
    /// SHA-256 fingerprint of the frozen base model; a site with another base refuses.
    pub base_fingerprint: Digest,
    /// The adapter's shape.
    pub adapter: AdapterSettings,
    /// Exact tensors of the adapter file: name and shape, sorted by name; all f32.
    pub tensors: Vec<TensorSpec>,
    /// How to train.
    pub training: TrainingSettings,
    /// How to hold the base.
    pub base: BaseSettings,
    /// Sites that take part, sorted.
    pub sites: Vec<SiteId>,
    /// How each site compares its records with the held-out ones before it trains; `None`: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapTerms>,
}

/// The comparison of a site's records with the consortium's held-out ones (RFC 9497, verifiable mode).
/// Because the public key stands in the manifest, the answers are proved to come from the key that the set
/// was published under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverlapTerms {
    /// Public key of this run; its secret half stays at the coordinator and is deleted when the run is over.
    pub public_key: Point,
    /// The published set: a file that is fetched like an adapter.
    pub set: Digest,
    /// Its length.
    pub set_bytes: u64,
}

/// One tensor of an adapter file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// PEFT key, such as `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`.
    pub name: String,
    /// `[rows, columns]`.
    pub shape: [usize; 2],
}

impl RunManifest {
    /// The bytes that are hashed and sent.
    ///
    /// # Errors
    /// [`RunError::Syntax`] when a number cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RunError> {
        serde_json::to_vec(self).map_err(|error| RunError::Syntax(error.to_string()))
    }

    /// Reads what [`Self::to_bytes`] wrote; unknown fields are refused.
    ///
    /// # Errors
    /// [`RunError::Syntax`] for bytes that are not such JSON, or have an unknown field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RunError> {
        serde_json::from_slice(bytes).map_err(|error| RunError::Syntax(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
