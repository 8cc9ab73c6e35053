//! The head of a ledger as the text of a C2SP tlog-checkpoint: name, number of records, root. A signed one is
//! a note (`certs::note`), and says forever what the ledger was then.
//!
//! Called by `site-agent ledger checkpoint|prove|verify`; `deploy/verify_ledger.py --checkpoint` does it in
//! Python. Invariants: of one head there is one text; a ledger that was changed, chain and all, before the
//! head's size does not have the head's root; `compare_heads` names the last head that fits and the first
//! that does not. That the change is between the two is not said: the one that fits may be younger than it.

use std::fmt;

use data_encoding::BASE64;

use super::merkle::Tree;
use super::record::Record;
use crate::id::{Digest, SiteId};
use crate::wire::message::LedgerHead;

/// Why a text is no checkpoint. A retry does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not three lines, or one of them is not what it must be.
    #[error("its text is not a name, a number of records and a root, each on a line of its own")]
    Malformed,
}

/// A head, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's name: [`ledger_name`] of a site's.
    pub name: String,
    /// Size and root.
    pub head: LedgerHead,
}

/// What a site's ledger is called: `consilium/`, the first 16 digits of the SHA-256 of the consortium's CA
/// key, and the site's name.
#[must_use]
pub fn ledger_name(peer: &Digest, site: &SiteId) -> String {
    let peer = peer.to_string();
    format!("consilium/{}/{site}", peer.get(..16).unwrap_or(&peer))
}

impl Checkpoint {
    /// Reads the text of a note.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`] for any other text than [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let lines: Vec<&str> = text.strip_suffix('\n').ok_or(malformed)?.split('\n').collect();
        let [name, size, root] = lines[..] else { return Err(malformed) };
        let root: [u8; 32] = unbase64(root).and_then(|root| root.try_into().ok()).ok_or(malformed)?;
        let head = LedgerHead { size: decimal(size).ok_or(malformed)?, root: Digest(root) };
        if name.is_empty() { Err(malformed) } else { Ok(Self { name: name.to_owned(), head }) }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.name, self.head.size, BASE64.encode(&self.head.root.0))
    }
}

/// The bytes of a base64 text in its one spelling: the library also takes several of them, end to end.
pub(super) fn unbase64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok().filter(|bytes| BASE64.encode(bytes) == text)
}

/// A number in digits, in its one spelling.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A ledger that is not the one of a checkpoint, or checkpoints that are not of one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It ends before.
    #[error(
        "it has {has} records, and the checkpoint was signed over {size}: records {has} to {} are not there", size - 1
    )]
    Short {
        /// Records that are there.
        has: u64,
        /// Records of the checkpoint.
        size: u64,
    },
    /// What it has is not what was signed.
    #[error("{}", differs(*from, *size))]
    Differs {
        /// Records of the largest smaller checkpoint, which fits; 0 where there is none.
        from: u64,
        /// Records of the checkpoint.
        size: u64,
    },
    /// Two of the checkpoints contradict each other. Nothing is said of the ledger.
    #[error(
        "two of the checkpoints were signed over {size} records, with different roots: the key signed two different ledgers"
    )]
    TwoLedgers {
        /// Records of both.
        size: u64,
    },
}

fn differs(from: u64, size: u64) -> String {
    if size == 0 {
        return "a checkpoint of 0 records has not the root of an empty ledger: no ledger ever had it"
            .to_owned();
    }
    if from == 0 {
        return format!(
            "it has not what was signed over {size} records: it was changed since, and chained anew"
        );
    }
    format!(
        "it has what was signed over {from} records and not what was signed over {size}: it was changed behind record {}, or the checkpoint of {from} was signed after the change",
        from - 1
    )
}

/// Whether the records of an intact ledger begin with those of all these heads, in any order.
///
/// # Errors
/// [`Misfit::TwoLedgers`] where two heads of one size have different roots; else of the smallest head that
/// does not fit.
pub fn compare_heads(records: &[Record], heads: &[LedgerHead]) -> Result<(), Misfit> {
    let mut heads = heads.to_vec();
    heads.sort_by_key(|head| head.size);
    if let Some([one, _]) =
        heads.array_windows().find(|[one, two]| one.size == two.size && one.root != two.root)
    {
        return Err(Misfit::TwoLedgers { size: one.size });
    }
    let (mut tree, mut from) = (Tree::default(), 0);
    let mut records = records.iter();
    for LedgerHead { size, root } in heads {
        while tree.size() < size {
            let Some(record) = records.next() else { return Err(Misfit::Short { has: tree.size(), size }) };
            // A record that was read from its line has that line again.
            tree.append(&record.to_line().unwrap_or_default());
        }
        if tree.root() != root {
            return Err(Misfit::Differs { from, size });
        }
        from = size;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
