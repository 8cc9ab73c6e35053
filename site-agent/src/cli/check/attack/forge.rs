//! Updates made by hand, good and bad, put where the worker puts its own, and handed to the gateway's own
//! check. Used by `update` and `planted`. Invariants: the check is `gateway::protect`, with the site's own
//! policy; it has a deadline, so that what holds it up is seen.

use std::fs;
use std::path::{Path, PathBuf};

use common::adapter::AdapterReader;
use common::id::{Digest, Round};
use common::limits::ADAPTER_VALUE_MAX;
use common::run::{
    AdapterSettings, AggregationSettings, BaseSettings, HeldOutHashes, Roster, RunManifest, TensorSpec,
    TrainingSettings,
};
use common::wire::message::{PROTOCOL_VERSION, RoundKey};

use super::field::within;
use super::hostile::KEY;
use crate::error::SiteError;
use crate::gateway::protect::{ProtectedUpdate, RawUpdate, protect};
use crate::gateway::store::Store;
use crate::paths::StateFolder;
use crate::pipe::{RawFacts, round_file_stem};
use crate::policy::PolicyConfig;

/// Values of each tensor: 64 KiB, as many as are checked at once.
const ELEMENTS: usize = 128 * 128;
const SHAPE: [usize; 2] = [128, 128];
/// Explicit mantissa bits of an f32.
const MANTISSA_BITS: u32 = 23;

/// What came of an update that was handed in.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The reason, in the gateway's words.
    Refused(String),
    /// The bytes that would leave.
    Taken(Vec<u8>),
    /// The check was held up.
    Held,
    /// Something else came between: the disk, the database. It says nothing about the check.
    Failed(String),
}

/// A round to forge updates for.
#[derive(Clone, Debug)]
pub(super) struct Forge {
    pub(super) folder: StateFolder,
    pub(super) policy: PolicyConfig,
    pub(super) manifest: RunManifest,
}

impl Forge {
    pub(super) fn new(folder: &StateFolder, policy: &PolicyConfig) -> Self {
        let tensors = ["a", "b"].map(|name| TensorSpec { name: name.into(), shape: SHAPE }).to_vec();
        let manifest = RunManifest {
            protocol: PROTOCOL_VERSION,
            run: KEY.run,
            name: "attack".into(),
            rounds: 1,
            base_fingerprint: Digest([0; 32]),
            adapter: AdapterSettings::default(),
            tensors,
            adapter_bytes: 0,
            training: TrainingSettings::default(),
            base: BaseSettings::default(),
            aggregation: AggregationSettings::default(),
            quorum: 1,
            roster: Roster::default(),
            held_out: HeldOutHashes::default(),
            overlap: None,
            suites: Vec::new(),
            own_scores: false,
            train: Default::default(),
            participation: None,
        };
        Self { folder: folder.clone(), policy: policy.clone(), manifest }
    }

    /// Values that pass: with a norm of at most half of what the policy lets out, and with no more bits.
    pub(super) fn values(&self) -> Vec<f32> {
        // A power of two, so that no value gets more bits.
        let largest = (self.policy.update_norm_max / (4.0 * ELEMENTS as f64).sqrt()).log2().floor().min(0.0);
        let largest = largest.exp2() as f32;
        (0..2 * ELEMENTS).map(|index| largest / (1_u32 << (index % 8)) as f32).collect()
    }

    /// As [`Self::values`], with a bit set that the policy does not let out; `None` where it lets all out.
    pub(super) fn with_low_bits(&self) -> Option<Vec<f32>> {
        let has_low_bits = self.policy.update_mantissa_bits < MANTISSA_BITS - 1;
        has_low_bits
            .then(|| self.values().into_iter().map(|value| f32::from_bits(value.to_bits() | 1)).collect())
    }

    /// Where the worker puts the update of the round.
    pub(super) fn raw(&self, key: RoundKey) -> PathBuf {
        self.folder.raw().join(format!("{}.safetensors", round_file_stem(key.run, key.round)))
    }

    /// Hands these bytes in for a round of their own, as announced.
    pub(super) fn hand_in(&self, round: u32, bytes: &[u8]) -> Outcome {
        self.hand_in_as(round, bytes, Digest::of(bytes))
    }

    /// As [`Self::hand_in`], with whatever the worker announces.
    pub(super) fn hand_in_as(&self, round: u32, bytes: &[u8], announced: Digest) -> Outcome {
        let key = RoundKey { round: Round(round), ..KEY };
        match fs::write(self.raw(key), bytes) {
            Ok(()) => self.check(key, announced),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    /// Has the gateway's code check what is in the round's place.
    pub(super) fn check(&self, key: RoundKey, announced: Digest) -> Outcome {
        let forge = self.clone();
        let checked = within(move || {
            let facts = RawFacts { digest: announced, records: 100, tokens: 1000, loss: 2.0 };
            let raw = RawUpdate { key, facts: &facts, manifest: &forge.manifest };
            let mut store = Store::open(&forge.folder.database())?;
            let taken = protect(&forge.folder, &mut store, &forge.policy, &raw, 1)?;
            whole(&taken)
        });
        // Its place is free for the next one.
        let _ = fs::remove_file(self.raw(key));
        match checked {
            None => Outcome::Held,
            Some(Ok(bytes)) => Outcome::Taken(bytes),
            Some(Err(error @ SiteError::UpdateRefused { .. })) => Outcome::Refused(error.to_string()),
            Some(Err(error)) => Outcome::Failed(error.to_string()),
        }
    }

    /// Whether a file is what may leave: exactly the tensors, in the one form, finite, bounded and rounded.
    pub(super) fn is_clean(&self, path: &Path) -> bool {
        let tensors = &self.manifest.tensors;
        let Ok(reader) = AdapterReader::open(path, tensors) else { return false };
        let low = (1_u32 << MANTISSA_BITS.saturating_sub(self.policy.update_mantissa_bits)) - 1;
        (0..tensors.len()).all(|index| {
            reader.read_whole(index).is_ok_and(|values| {
                values.iter().all(|value| value.abs() <= ADAPTER_VALUE_MAX && value.to_bits() & low == 0)
            })
        })
    }
}

fn whole(update: &ProtectedUpdate) -> Result<Vec<u8>, SiteError> {
    let mut bytes = Vec::new();
    loop {
        let chunk = update.chunk(bytes.len() as u64)?;
        if chunk.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(chunk);
    }
}

/// The header of an honest update.
pub(super) fn header() -> String {
    let bytes = 4 * ELEMENTS;
    let entry = |name: &str, first: usize| {
        format!(r#""{name}":{{"dtype":"F32","shape":[128,128],"data_offsets":[{first},{}]}}"#, first + bytes)
    };
    format!("{{{},{}}}", entry("a", 0), entry("b", bytes))
}

/// A file: length, header, values.
pub(super) fn file(header: &str, values: &[f32]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_values_pass_a_policy_of_any_norm() {
        let forge = Forge::new(&StateFolder::new(Path::new("unused")), &PolicyConfig::default());
        for norm_max in [1e-9, 0.5, 73.0, 75.0, 1e9] {
            let mut forge = forge.clone();
            forge.policy.update_norm_max = norm_max;
            let values = forge.values();
            let norm = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            assert!(norm <= norm_max && norm > 0.0, "{norm} of {norm_max}");
            assert!(values.iter().all(|value| value.is_normal() && value.to_bits() & 0x7f_ffff == 0));
        }
    }
}
