//! Proofs that a record is in a ledger of a known head: RFC 9162, section 2.1.3, in the file form of C2SP
//! tlog-proof, whose `extra` line holds the record itself. Whoever has the key's public half needs nothing
//! else: not the ledger, so no other record. The hashes are of other records, unsalted: a guess of one can be
//! confirmed.
//!
//! Called by `site-agent ledger prove|verify`; `deploy/verify_ledger.py --proof` does the same in Python.
//! Invariants: of one proof there is one file; a proof that holds names exactly one record and its number.

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

use super::checkpoint::{decimal, unbase64};
use super::consistency::{Part, Prover};
use super::grammar;
use super::merkle::{Tree, node};
use super::record::Record;
use crate::id::Digest;
use crate::limits::{LEDGER_LINE_BYTES_MAX, PROOF_BYTES_MAX, PROOF_HASHES_MAX};
use crate::wire::message::LedgerHead;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Why a file is no proof. A retry does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It is not the file that `site-agent ledger prove` writes.
    #[error("it is no file that `site-agent ledger prove` writes")]
    Malformed,
    /// The record in it is none.
    #[error("what it holds is no ledger record, or one of another number")]
    NotARecord,
    /// The hashes lead elsewhere.
    #[error("record {index} is not in the ledger of {size} records that its checkpoint names")]
    NotIncluded {
        /// The record's number.
        index: u64,
        /// The checkpoint's records.
        size: u64,
    },
}

/// Makes the hashes for one record, from the ledger's lines in order: PATH of RFC 6962, section 2.1.1.
#[must_use]
pub fn prover(index: u64, size: u64) -> Prover {
    let mut parts = Vec::new();
    if index < size {
        path(index, 0, size, &mut parts);
    }
    Prover::of(parts)
}

/// From the record's sibling upwards.
fn path(index: u64, first: u64, end: u64, parts: &mut Vec<Part>) {
    let part = |first, end| Part { first, end, tree: Tree::default() };
    let size = end - first;
    if size <= 1 {
        return;
    }
    // The largest power of two below the size.
    let middle = first + (1 << (size - 1).ilog2());
    if index < middle {
        path(index, first, middle, parts);
        parts.push(part(middle, end));
    } else {
        path(index, middle, end, parts);
        parts.push(part(first, middle));
    }
}

/// Whether these hashes prove that the line is the record of this number under the head (RFC 9162, section
/// 2.1.3.2).
#[must_use]
pub fn includes(head: &LedgerHead, index: u64, line: &[u8], hashes: &[Digest]) -> bool {
    if index >= head.size || hashes.len() > PROOF_HASHES_MAX {
        return false;
    }
    let mut root: [u8; 32] = Sha256::new().chain_update([0]).chain_update(line).finalize().into();
    let (mut at, mut last) = (index, head.size - 1);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            root = node(&hash.0, &root);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            root = node(&root, &hash.0);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && Digest(root) == head.root
}

/// A proof as it was read: nothing of it is believed before its note is verified and it [holds](Self::holds).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The record's number.
    pub index: u64,
    /// The record's line, without its newline.
    pub line: Vec<u8>,
    /// From the record's sibling upwards.
    pub hashes: Vec<Digest>,
    /// The signed checkpoint, as it is in the file.
    pub note: String,
}

impl InclusionProof {
    /// The file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{FIRST_LINE}\nextra {}\nindex {}\n", BASE64.encode(&self.line), self.index);
        for hash in &self.hashes {
            text.push_str(&BASE64.encode(&hash.0));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.note);
        text
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ProofError::Malformed`] for any other bytes than [`Self::to_text`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        let malformed = ProofError::Malformed;
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(malformed);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed)?;
        let (proof, note) = text.split_once("\n\n").ok_or(malformed)?;
        let mut lines = proof.split('\n');
        let mut next = |start: &str| lines.next().and_then(|line| line.strip_prefix(start));
        if next(FIRST_LINE) != Some("") {
            return Err(malformed);
        }
        let line = next("extra ").and_then(unbase64).ok_or(malformed)?;
        let index = next("index ").and_then(decimal).ok_or(malformed)?;
        let hash = |text: &str| unbase64(text)?.try_into().ok().map(Digest);
        let hashes: Vec<Digest> = lines.map(hash).collect::<Option<_>>().ok_or(malformed)?;
        if hashes.len() > PROOF_HASHES_MAX {
            return Err(malformed);
        }
        Ok(Self { index, line, hashes, note: note.to_owned() })
    }

    /// The record, if it is one and is under the head, which somebody has verified.
    ///
    /// # Errors
    /// [`ProofError::NotARecord`], [`ProofError::NotIncluded`].
    pub fn holds(&self, head: &LedgerHead) -> Result<Record, ProofError> {
        let index = self.index;
        if !includes(head, index, &self.line, &self.hashes) {
            return Err(ProofError::NotIncluded { index, size: head.size });
        }
        let record = (self.line.len() <= LEDGER_LINE_BYTES_MAX)
            .then(|| serde_json::from_slice::<Record>(&self.line).ok())
            .flatten()
            .filter(|record| record.to_line().is_ok_and(|line| line == self.line));
        record
            .filter(|record| record.sequence == index && grammar::verify(record).is_ok())
            .ok_or(ProofError::NotARecord)
    }
}

#[cfg(test)]
mod tests;
