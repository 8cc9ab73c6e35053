//! What the sites are told of a run, and its bounds: the same code checks the run file at the coordinator and
//! the manifest at each site. Used by `run`, by the coordinator (writes it) and by the site's gateway and
//! worker (read it). Invariant: a manifest that passes `validate` asks for nothing that a valid run file
//! could not.

use serde::{Deserialize, Serialize};

use super::aggregation::AggregationSettings;
use super::error::{RunError, bound};
use super::own_scores;
use super::participation::{self, ParticipationSettings};
use super::roster::{Member, Roster};
use super::settings::{AdapterSettings, BaseSettings};
use super::train::{self, Train};
use super::training::TrainingSettings;
use crate::id::{Digest, Point, RunId};
use crate::limits::{
    ADAPTER_BYTES_MAX, OVERLAP_SET_BYTES_MAX, ROUNDS_MAX, RUN_NAME_CHARACTERS_MAX, RUN_SUITES_MAX,
    SAFETENSORS_HEADER_BYTES_MAX, SUITE_NAME_CHARACTERS_MAX, TENSOR_NAME_BYTES_MAX, TENSORS_MAX,
};

/// What the coordinator tells every site of a run, and what a site's privacy officer agrees to: the terms,
/// the base model it must hold, who takes part, and what their models are measured on. Serialised as JSON
/// with a fixed field order and signed by the coordinator (`signed`); the SHA-256 of both names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunManifest {
    /// Version of the protocol that the run speaks.
    pub protocol: u16,
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
    /// Length of every adapter file of the run in bytes: what a site sends in a round, at most once.
    pub adapter_bytes: u64,
    /// How to train.
    pub training: TrainingSettings,
    /// How to hold the base.
    pub base: BaseSettings,
    /// How updates become one adapter.
    pub aggregation: AggregationSettings,
    /// How many members' updates a round needs.
    pub quorum: usize,
    /// Who takes part, each with its key, sorted by name.
    pub roster: Roster,
    /// What the model is measured on, by content.
    pub held_out: HeldOutHashes,
    /// How each site compares its records with the held-out ones before it trains; `None`: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapTerms>,
    /// The evaluation suites that base and final model are asked, in the order of the run file; none in the
    /// manifests of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<SuiteTerms>,
    /// Whether each site is asked after the run how base model and result do on the records that it held
    /// back; a site whose policy does not allow it says so and nothing else. Not in the manifests of older
    /// versions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_scores: bool,
    /// Whether sites train one model, or each one of its own, which a site's policy has to allow; left out
    /// where they train together.
    #[serde(default, skip_serializing_if = "Train::is_together")]
    pub train: Train,
    /// How many sites train each round; left out where all do, so that a site of an earlier version takes
    /// part in such runs and refuses the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participation: Option<ParticipationSettings>,
}

/// An evaluation suite, by name and content; its files stay at the coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteTerms {
    /// What it is called in the report.
    pub name: String,
    /// SHA-256 of the suite file: how is asked and scored.
    pub file: Digest,
    /// SHA-256 of the file of records: what is asked.
    pub records: Digest,
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

/// The consortium's held-out files, by the SHA-256 of their bytes; the files stay at the coordinator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOutHashes {
    /// The validation set, which steers.
    pub validation: Option<Digest>,
    /// The test set, which is opened once.
    pub test: Option<Digest>,
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

/// What a run file and a manifest have in common.
pub(super) fn validate_terms(
    name: &str,
    rounds: u32,
    adapter: &AdapterSettings,
    training: &TrainingSettings,
) -> Result<(), RunError> {
    let length = name.chars().count();
    let name_is_fine = (1..=RUN_NAME_CHARACTERS_MAX).contains(&length) && !name.contains(char::is_control);
    bound(name_is_fine, "name", format!("{name:?}"), "1 to 64 printable characters")?;
    bound((1..=ROUNDS_MAX).contains(&rounds), "rounds", rounds, "1 to 10000")?;
    adapter.validate()?;
    training.validate()?;
    // A site has no validation file of its own that a run file could name.
    let patience = training.early_stopping_patience;
    let can_stop = patience == 0 || training.validation_share > 0.0;
    let key = "training.early_stopping_patience";
    bound(can_stop, key, patience, "0 unless training.validation_share is above 0")
}

impl RunManifest {
    /// Checks everything that a coordinator could have put into it: the same bounds as a run file's, and the
    /// lists. Each site does it before it trains, because nothing says that the coordinator did.
    ///
    /// # Errors
    /// [`RunError::OutOfBounds`] for the first key whose value is outside its bounds.
    pub fn validate(&self) -> Result<(), RunError> {
        validate_terms(&self.name, self.rounds, &self.adapter, &self.training)?;
        // What is agreed to does not depend on a default.
        let is_said = self.training.epochs.is_some() || self.training.steps.is_some();
        bound(is_said, "training.epochs", "left out", "given, or training.steps")?;
        self.aggregation.validate(self.quorum)?;
        self.roster.validate()?;
        let members = self.roster.members.len();
        bound((1..=members).contains(&self.quorum), "quorum", self.quorum, "1 to the number of members")?;
        participation::validate(self.participation, ("quorum", self.quorum), Some(members), self.train)?;
        let set_bytes = self.overlap.map_or(0, |terms| terms.set_bytes);
        bound(set_bytes <= OVERLAP_SET_BYTES_MAX, "overlap.set_bytes", set_bytes, "at most 160 MiB")?;
        own_scores::validate(self.own_scores, "own_scores", &self.training)?;
        train::validate(self.train, self.rounds, &self.training, &self.aggregation, self.own_scores)?;
        self.validate_suites()?;
        self.validate_tensors()
    }

    fn validate_suites(&self) -> Result<(), RunError> {
        let count = self.suites.len();
        bound(count <= RUN_SUITES_MAX, "suites", count, "at most 32")?;
        for (index, suite) in self.suites.iter().enumerate() {
            let length = suite.name.chars().count();
            let is_new = !self.suites.iter().take(index).any(|before| before.name == suite.name);
            let is_fine = (1..=SUITE_NAME_CHARACTERS_MAX).contains(&length)
                && !suite.name.contains(char::is_control)
                && is_new;
            bound(
                is_fine,
                "suites",
                format!("{:?}", suite.name),
                "names of 1 to 48 printable characters, each once",
            )?;
        }
        Ok(())
    }

    fn validate_tensors(&self) -> Result<(), RunError> {
        let count = self.tensors.len();
        bound((1..=TENSORS_MAX).contains(&count), "tensors", count, "1 to 16384")?;
        let in_order = self.tensors.is_sorted_by(|a, b| a.name < b.name);
        bound(in_order, "tensors", count, "sorted by name, each once")?;
        let mut bytes = 0_u64;
        for tensor in &self.tensors {
            let is_fine = is_lora(tensor, self.adapter.rank);
            let expected = "the A or B of a LoRA pair, of this run's rank";
            bound(is_fine, "tensors", format!("{:?} {:?}", tensor.name, tensor.shape), expected)?;
            let elements = (tensor.shape[0] as u64).saturating_mul(tensor.shape[1] as u64);
            bytes = bytes.saturating_add(elements.saturating_mul(4));
        }
        bound(bytes <= ADAPTER_BYTES_MAX, "tensors", bytes, "at most 4 GiB together")?;
        let around = bytes..=bytes.saturating_add(8 + SAFETENSORS_HEADER_BYTES_MAX as u64);
        let expected = "the tensors' bytes and a header";
        bound(around.contains(&self.adapter_bytes), "adapter_bytes", self.adapter_bytes, expected)
    }

    /// Who takes part.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.roster.members.iter()
    }
}

/// A plain PEFT name, and the rank on the side where a LoRA factor has it.
fn is_lora(tensor: &TensorSpec, rank: usize) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._".contains(&byte);
    let named = tensor.name.len() <= TENSOR_NAME_BYTES_MAX && tensor.name.bytes().all(is_plain);
    let [rows, columns] = tensor.shape;
    let shaped = (tensor.name.ends_with(".lora_A.weight") && rows == rank && columns > 0)
        || (tensor.name.ends_with(".lora_B.weight") && columns == rank && rows > 0);
    named && shaped
}

#[cfg(test)]
pub(super) mod tests;
