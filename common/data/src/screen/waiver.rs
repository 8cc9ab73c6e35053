//! Waivers: what the privacy officer accepts in one dataset although the screen found it. Called by
//! `site-agent waiver`, which makes and checks them; used by the screen and the room. This file holds the
//! document and its checks; signatures are made and verified by the caller (crate `certs`), so that no crypto
//! provider comes into this crate.
//!
//! Invariants: a waiver holds only for the records it names by their hash, until its last day, and if exactly
//! its bytes were signed by the officer's key; it names kinds or single findings by record hash and place,
//! never a text.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::checksum::is_date;
use super::finding::Finding;
use super::kind::Kind;
use crate::hash::{hex, leaf_hash, merkle_root};
use crate::limits::{WAIVER_FINDINGS_MAX, WAIVER_REASON_CHARACTERS_MAX};
use crate::record::Date;

/// How the signed bytes begin, so that no other signed message can pass for a waiver.
pub const CONTEXT: &[u8] = b"consilium waiver v1\0";
const FORMAT: &str = "consilium-waiver";
const VERSION: u32 = 1;

/// One finding that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedFinding {
    /// SHA-256 of the record as it stands in the file ([`crate::hash::content_hash`]), 64 hexadecimal digits.
    pub record: String,
    /// Index of the field in the record.
    pub field: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What was found.
    pub kind: Kind,
}

/// What the officer accepts, why, and on which days.
#[derive(Debug, Clone)]
pub struct WaiverTerms<'a> {
    /// Kinds that are accepted wherever they stand in the dataset.
    pub kinds: BTreeSet<Kind>,
    /// Single findings that are accepted.
    pub findings: BTreeSet<AcceptedFinding>,
    /// Why, in the officer's words.
    pub reason: &'a str,
    /// The day of signing, `YYYY-MM-DD`.
    pub issued: &'a str,
    /// The last day on which it holds, `YYYY-MM-DD`.
    pub expires: &'a str,
}

/// What is accepted, where and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    format: String,
    version: u32,
    /// [`dataset_digest`], 64 hexadecimal digits.
    pub dataset: String,
    /// Kinds that are accepted wherever they stand in the dataset.
    pub kinds: BTreeSet<Kind>,
    /// Single findings that are accepted.
    pub findings: BTreeSet<AcceptedFinding>,
    /// Why, in the officer's words.
    pub reason: String,
    /// The day of signing, `YYYY-MM-DD`.
    pub issued: String,
    /// The last day on which it holds, `YYYY-MM-DD`.
    pub expires: String,
    /// The officer's public key, 64 hexadecimal digits.
    pub officer: String,
}

/// A waiver and the officer's signature over [`Waiver::message`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedWaiver {
    /// The document.
    pub waiver: Waiver,
    /// Ed25519, 128 hexadecimal digits.
    pub signature: String,
}

/// Why a waiver does not hold. No retry helps; another waiver must be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaiverError {
    /// Not the JSON of a waiver of this version.
    #[error("the file is not a waiver: {0}")]
    Format(String),
    /// Signed for other records.
    #[error("the waiver is for another dataset: the records are not those that the officer signed for")]
    OtherDataset,
    /// Its last day is over.
    #[error("the waiver expired: {last_day} was its last day")]
    Expired {
        /// The last day.
        last_day: String,
    },
    /// Signed by somebody else.
    #[error("the waiver was signed by another key than the privacy officer's")]
    OtherKey,
    /// The signature does not match the content.
    #[error("the waiver was altered after it was signed, or its signature is damaged")]
    Altered,
    /// It cannot be signed like this.
    #[error("the waiver cannot be made: {0}")]
    Content(&'static str),
}

/// What a waiver that was checked accepts; the room compares its dataset with the records that it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    dataset: String,
    kinds: BTreeSet<Kind>,
    findings: BTreeSet<AcceptedFinding>,
    message_sha256: [u8; 32],
}

/// The digest that names a dataset: the Merkle root (RFC 6962) over the hashes of its readable records as
/// they stand in the files, sorted. It depends neither on the order of files nor on what the screen does with
/// them.
#[must_use]
pub fn dataset_digest(records: &[[u8; 32]]) -> [u8; 32] {
    let mut leaves: Vec<[u8; 32]> = records.iter().map(|hash| leaf_hash(hash)).collect();
    leaves.sort_unstable();
    merkle_root(&leaves)
}

/// Reads a day written as `YYYY-MM-DD`; `None` if the calendar does not have it.
#[must_use]
pub fn day(text: &str) -> Option<Date> {
    let digits = |from: usize, to: usize| {
        text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?.parse::<u16>().ok()
    };
    let shaped = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let exists = shaped && is_date(u32::from(year), u32::from(month), u32::from(day));
    exists.then_some(Date { year, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? })
}

impl Waiver {
    /// A waiver to be signed by the key `officer`.
    ///
    /// # Errors
    /// `Content` for a waiver that accepts nothing, names more than [`WAIVER_FINDINGS_MAX`] findings, has no
    /// reason or one of more than [`WAIVER_REASON_CHARACTERS_MAX`] characters, or ends before it begins.
    pub fn new(dataset: &[u8; 32], terms: WaiverTerms<'_>, officer: &[u8; 32]) -> Result<Self, WaiverError> {
        let waiver = Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            dataset: hex(dataset),
            kinds: terms.kinds,
            findings: terms.findings,
            reason: terms.reason.trim().to_owned(),
            issued: terms.issued.to_owned(),
            expires: terms.expires.to_owned(),
            officer: hex(officer),
        };
        waiver.check_content()?;
        Ok(waiver)
    }

    fn check_content(&self) -> Result<(), WaiverError> {
        let refuse = |reason| Err(WaiverError::Content(reason));
        if self.kinds.is_empty() && self.findings.is_empty() {
            return refuse("it accepts nothing; name a kind or a finding");
        }
        if self.findings.len() > WAIVER_FINDINGS_MAX {
            return refuse("it names more than 10,000 single findings; name their kind instead");
        }
        if self.reason.is_empty() || self.reason.chars().count() > WAIVER_REASON_CHARACTERS_MAX {
            return refuse("its reason must have 1 to 500 characters");
        }
        match (day(&self.issued), day(&self.expires)) {
            (Some(issued), Some(expires)) if issued <= expires => Ok(()),
            (Some(_), Some(_)) => refuse("it would expire before it is signed"),
            _ => refuse("its last day must be a date such as 2026-12-31"),
        }
    }

    /// The bytes that the officer signs: the context and the document as compact JSON, fields in the order
    /// above.
    ///
    /// # Errors
    /// `Format` when the document cannot be written as JSON; this cannot happen for a waiver that was read or
    /// made here.
    pub fn message(&self) -> Result<Vec<u8>, WaiverError> {
        let body = serde_json::to_vec(self).map_err(|error| WaiverError::Format(error.to_string()))?;
        Ok([CONTEXT, &body].concat())
    }
}

impl SignedWaiver {
    /// Reads a file's bytes; says nothing of the signature yet.
    ///
    /// # Errors
    /// `Format` when the bytes are not the JSON of a signed waiver, or of another version of it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WaiverError> {
        let signed: Self =
            serde_json::from_slice(bytes).map_err(|error| WaiverError::Format(error.to_string()))?;
        if signed.waiver.format != FORMAT || signed.waiver.version != VERSION {
            return Err(WaiverError::Format(format!("it is not version {VERSION} of a waiver")));
        }
        Ok(signed)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// `Format` when the document cannot be written as JSON; this cannot happen for a waiver that was read or
    /// made here.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WaiverError> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| WaiverError::Format(error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Checks signer, signature and last day. `verify` says whether a signature (second) over a message
    /// (first) is the officer's. The dataset is compared by whoever reads it, with
    /// [`Accepted::require_dataset`].
    ///
    /// # Errors
    /// `OtherKey` when another officer is named, `Altered` when the signature does not hold, `Expired` after
    /// the last day, `Content` and `Format` when the document could not have been made by [`Waiver::new`].
    pub fn verify(
        &self,
        officer: &[u8; 32],
        today: Date,
        verify: &dyn Fn(&[u8], &[u8]) -> bool,
    ) -> Result<Accepted, WaiverError> {
        if self.waiver.officer != hex(officer) {
            return Err(WaiverError::OtherKey);
        }
        let message = self.waiver.message()?;
        let signature = unhex(&self.signature).ok_or(WaiverError::Altered)?;
        if !verify(&message, &signature) {
            return Err(WaiverError::Altered);
        }
        self.waiver.check_content()?;
        if day(&self.waiver.expires).is_none_or(|last| last < today) {
            return Err(WaiverError::Expired { last_day: self.waiver.expires.clone() });
        }
        Ok(Accepted {
            dataset: self.waiver.dataset.clone(),
            kinds: self.waiver.kinds.clone(),
            findings: self.waiver.findings.clone(),
            message_sha256: Sha256::digest(&message).into(),
        })
    }
}

impl Accepted {
    /// Whether a finding in the record with this hash is accepted.
    #[must_use]
    pub fn accepts(&self, record: &[u8; 32], finding: &Finding) -> bool {
        let Finding { field, start, end, kind, .. } = *finding;
        self.kinds.contains(&kind)
            || (!self.findings.is_empty()
                && self.findings.contains(&AcceptedFinding { record: hex(record), field, start, end, kind }))
    }

    /// Compares the dataset that was read with the one that was signed for.
    ///
    /// # Errors
    /// `OtherDataset` when the digests differ.
    pub fn require_dataset(&self, dataset: &[u8; 32]) -> Result<(), WaiverError> {
        if self.dataset == hex(dataset) { Ok(()) } else { Err(WaiverError::OtherDataset) }
    }

    /// SHA-256 of the signed bytes; for the manifest.
    #[must_use]
    pub fn message_sha256(&self) -> &[u8; 32] {
        &self.message_sha256
    }
}

/// Bytes from lower-case hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests;
