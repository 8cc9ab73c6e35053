//! What the sites are told of a run, and its bounds: the same code checks the run file at the coordinator and
//! the manifest at each site. Used by `run`, by the coordinator (writes it) and by the site's gateway and
//! worker (read it). Invariant: a manifest that passes `validate` asks for nothing that a valid run file
//! could not.

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use super::settings::{AdapterSettings, BaseSettings};
use super::training::TrainingSettings;
use crate::id::{Digest, Point, RunId, SiteId};
use crate::limits::{
    ADAPTER_BYTES_MAX, OVERLAP_SET_BYTES_MAX, ROUNDS_MAX, RUN_NAME_CHARACTERS_MAX, SITES_MAX,
    TENSOR_NAME_BYTES_MAX, TENSORS_MAX,
};

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
        let sites = self.sites.len();
        bound((1..=SITES_MAX).contains(&sites), "sites", sites, "1 to 100")?;
        bound(self.sites.is_sorted_by(|a, b| a < b), "sites", sites, "sorted, each once")?;
        let set_bytes = self.overlap.map_or(0, |terms| terms.set_bytes);
        bound(set_bytes <= OVERLAP_SET_BYTES_MAX, "overlap.set_bytes", set_bytes, "at most 160 MiB")?;
        self.validate_tensors()
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
        bound(bytes <= ADAPTER_BYTES_MAX, "tensors", bytes, "at most 4 GiB together")
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
mod tests {
    use super::*;

    fn manifest() -> RunManifest {
        let tensor = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
        RunManifest {
            run: RunId([1; 8]),
            name: "spring".into(),
            rounds: 3,
            base_fingerprint: Digest([0; 32]),
            adapter: AdapterSettings::default(),
            tensors: vec![tensor("m.q.lora_A.weight", [16, 64]), tensor("m.q.lora_B.weight", [64, 16])],
            training: TrainingSettings::default(),
            base: BaseSettings::default(),
            sites: ["a", "b"].map(|name| name.parse::<SiteId>().unwrap()).to_vec(),
            overlap: None,
        }
    }

    /// A manifest that a hostile coordinator changed.
    fn changed(change: impl FnOnce(&mut RunManifest)) -> Result<(), RunError> {
        let mut changed = manifest();
        change(&mut changed);
        changed.validate()
    }

    #[test]
    fn a_manifest_is_held_to_the_bounds_of_a_run_file() {
        assert_eq!(manifest().validate(), Ok(()));
        let attacks: [fn(&mut RunManifest); 16] = [
            |m| m.training.validation_share = 0.9999,
            |m| m.training.learning_rate = 1e14,
            |m| m.training.learning_rate = f64::NAN,
            |m| m.training.max_gradient_norm = 0.0,
            |m| m.training.epochs = u32::MAX,
            |m| m.training.batch_size = 0,
            |m| m.training.early_stopping_patience = 3,
            |m| m.adapter.rank = 100_000,
            |m| m.rounds = 0,
            |m| m.name = "\u{1b}[2J".into(),
            |m| m.sites.clear(),
            |m| m.sites.reverse(),
            |m| m.tensors.clear(),
            |m| m.tensors[0].shape = [16, 0],
            |m| m.tensors[0].shape = [17, 64],
            |m| m.tensors[0].name = "../../m.lora_A.weight\n".into(),
        ];
        for (index, attack) in attacks.into_iter().enumerate() {
            assert!(changed(attack).is_err(), "attack {index}");
        }
        let terms = OverlapTerms { public_key: Point([0; 32]), set: Digest([0; 32]), set_bytes: 1 << 40 };
        assert!(changed(|m| m.overlap = Some(terms)).is_err());
        assert!(changed(|m| m.tensors[0].shape = [16, usize::MAX / 16]).is_err(), "no overflow");
    }
}
