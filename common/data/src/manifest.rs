//! `data-manifest.json`: which records were used, under which rules, without a word of them. Called by the
//! room; written by `site-agent data check` and by the worker; its root enters the ledger when a run starts.
//! Invariants: the same records under the same settings give the same bytes on any machine and in any order
//! of files, because leaves are sorted; where a record stands is not in it.
//!
//! The root is the Merkle tree hash of RFC 6962, section 2.1, over one leaf for each record that is used. A
//! leaf's data is 33 bytes: the record's use (0 train, 1 validation, 2 test) and the SHA-256 of its canonical
//! bytes ([`content_hash`](crate::hash::content_hash)). Leaves are sorted by leaf hash. Records held out by
//! folds are leaves of training: in a run they are all trained on.

mod configuration;

pub use self::configuration::Configuration;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::dedup::MatchKind;
use crate::error::{DataError, Result};
use crate::hash::{hex, leaf_hash, merkle_root};
use crate::provenance::ProvenanceCounts;
use crate::refusal::Refusal;
use crate::screen::Kind;
use crate::screen::selftest::SelfTestReport;
use crate::split::{Assignment, Scheme, Side};

/// First field of the file.
pub const FORMAT: &str = "consilium-data-manifest";
/// Version of the file's meaning: fields, canonical bytes, leaves.
pub const VERSION: u32 = 1;

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The program that made it.
    pub tool: String,
    /// The Merkle root, 64 hexadecimal digits.
    pub root: String,
    /// Leaves under the root.
    pub records: u64,
    /// SHA-256 of `configuration` as JSON without blanks, fields in the order of [`Configuration`].
    pub configuration_sha256: String,
    /// Every setting that decides which records are used and how they are altered.
    pub configuration: Configuration,
    /// How the records were divided.
    pub scheme: Scheme,
    /// The seed of the division.
    pub seed: u64,
    /// What the screen found of the identifiers that were planted into copies of these records.
    pub self_test: SelfTestReport,
    /// What was counted.
    pub counts: Counts,
}

/// Numbers of a manifest. Maps without an entry mean zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Records in the files, refused ones included.
    pub read: u64,
    /// Of these refused, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Of these withheld by the screen.
    pub blocked: u64,
    /// Identifiers found, by kind (not records).
    pub findings: BTreeMap<Kind, u64>,
    /// Records that are like an earlier one, by kind of likeness.
    pub duplicates: BTreeMap<MatchKind, u64>,
    /// Of these left out as copies.
    pub duplicates_dropped: u64,
    /// Left out because a copy or the same patient is held out.
    pub left_out: u64,
    /// Records used, by side; those of folds count as training.
    pub sides: BTreeMap<Side, u64>,
    /// What the readable records say of their origin; absent where none says anything.
    #[serde(default, skip_serializing_if = "ProvenanceCounts::is_empty")]
    pub provenance: ProvenanceCounts,
}

/// What a manifest is made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// For every record that is used: its content hash and where the split put it.
    pub used: &'a [([u8; 32], Assignment)],
    /// The settings.
    pub configuration: Configuration,
    /// The scheme.
    pub scheme: Scheme,
    /// The seed.
    pub seed: u64,
    /// The screen's self-test.
    pub self_test: SelfTestReport,
    /// The counts.
    pub counts: Counts,
}

impl Manifest {
    /// Computes the root and the configuration's hash.
    ///
    /// # Errors
    /// `Internal` when the configuration cannot be written as JSON.
    pub fn new(parts: Parts<'_>) -> Result<Self> {
        let mut leaves: Vec<[u8; 32]> =
            parts.used.iter().filter_map(|(content, assignment)| leaf(content, *assignment)).collect();
        leaves.sort_unstable();
        let written = serde_json::to_vec(&parts.configuration).map_err(unwritable)?;
        Ok(Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            tool: concat!("consilium ", env!("CARGO_PKG_VERSION")).to_owned(),
            root: hex(&merkle_root(&leaves)),
            records: leaves.len() as u64,
            configuration_sha256: hex(&Sha256::digest(&written).into()),
            configuration: parts.configuration,
            scheme: parts.scheme,
            seed: parts.seed,
            self_test: parts.self_test,
            counts: parts.counts,
        })
    }

    /// The file's bytes: indented JSON, fields in the order above, a line feed at the end.
    ///
    /// # Errors
    /// `Internal` when the manifest cannot be written as JSON, which is a fault of this program.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(unwritable)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// `Setting` when the bytes are not the JSON of a manifest, or of another version of it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let refuse = |reason: String| DataError::Setting { name: "the manifest", reason };
        // The parser's words may quote the file, and somebody may have named a file of records.
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| refuse(format!("it is not a data manifest, from line {} on", error.line())))?;
        if manifest.format != FORMAT || manifest.version != VERSION {
            return Err(refuse(format!("it is not version {VERSION} of a data manifest")));
        }
        Ok(manifest)
    }

    /// The root as bytes; `None` when the file's digits are none.
    #[must_use]
    pub fn root_bytes(&self) -> Option<[u8; 32]> {
        let mut root = [0; 32];
        if self.root.len() != 64 {
            return None;
        }
        for (index, byte) in root.iter_mut().enumerate() {
            *byte = u8::from_str_radix(self.root.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(root)
    }

    /// The names of the fields in which a manifest that was made again differs from this one; empty when the
    /// files and the rules are still the same. The program's version is not compared.
    #[must_use]
    pub fn differences(&self, again: &Self) -> Vec<&'static str> {
        let fields = [
            ("root", self.root == again.root),
            ("records", self.records == again.records),
            ("configuration", self.configuration_sha256 == again.configuration_sha256),
            ("scheme", self.scheme == again.scheme),
            ("seed", self.seed == again.seed),
            ("self_test", self.self_test == again.self_test),
            ("counts", self.counts == again.counts),
        ];
        fields.into_iter().filter(|(_, is_equal)| !is_equal).map(|(name, _)| name).collect()
    }
}

/// The leaf of a record; none for one that is not used.
fn leaf(content: &[u8; 32], assignment: Assignment) -> Option<[u8; 32]> {
    let side = match assignment {
        Assignment::Side(Side::Train) | Assignment::Fold(_) => 0,
        Assignment::Side(Side::Validation) => 1,
        Assignment::Side(Side::Test) => 2,
        Assignment::LeftOut => return None,
    };
    let mut data = [side; 33];
    data[1..].copy_from_slice(content);
    Some(leaf_hash(&data))
}

fn unwritable(error: serde_json::Error) -> DataError {
    DataError::Internal { reason: format!("a manifest cannot be written: {error}") }
}

#[cfg(test)]
mod tests;
