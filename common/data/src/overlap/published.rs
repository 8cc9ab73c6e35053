//! The set a coordinator publishes: 80 bits of F_k for each distinct feature of its held-out records. Called
//! by `key`, which makes it, by `query`, which looks features up, and by the worker, which reads the file.
//!
//! Format: the 16 bytes `consilium ovl 1\n`, the number of entries (u32, little-endian), the entries of 10
//! bytes, strictly ascending. The values are pseudorandom, so sorting them is a shuffle that says nothing
//! about which features belong to one record, and one set has one spelling. 80 bits: 2^18 questions against
//! 2^24 entries hit by chance with probability 2^-38.

use super::error::OverlapError;
use crate::limits::{OVERLAP_SET_BYTES_MAX, OVERLAP_SET_ENTRIES_MAX};

const MAGIC: &[u8; 16] = b"consilium ovl 1\n";
const HEADER_BYTES: usize = MAGIC.len() + 4;
/// Bytes of one entry: 80 bits.
const ENTRY_BYTES: usize = 10;
const FILE: &str = "published set";

const _: () = assert!(
    OVERLAP_SET_BYTES_MAX == (HEADER_BYTES + OVERLAP_SET_ENTRIES_MAX * ENTRY_BYTES) as u64,
    "the longest file is a header and all entries"
);

/// The first 80 bits of an output of F_k.
pub(super) fn truncated(output: &[u8]) -> [u8; ENTRY_BYTES] {
    // Outputs of SHA-512 have 64 bytes.
    std::array::from_fn(|index| output[index])
}

/// The entries, strictly ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedSet(Vec<[u8; ENTRY_BYTES]>);

impl PublishedSet {
    pub(super) fn new(mut entries: Vec<[u8; ENTRY_BYTES]>) -> Result<Self, OverlapError> {
        entries.sort_unstable();
        entries.dedup();
        if entries.len() > OVERLAP_SET_ENTRIES_MAX {
            return Err(OverlapError::TooMany { features: entries.len() });
        }
        Ok(Self(entries))
    }

    pub(super) fn contains(&self, output: &[u8]) -> bool {
        self.0.binary_search(&truncated(output)).is_ok()
    }

    /// How many entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        // At most 2^24 entries.
        bytes.extend_from_slice(&(self.0.len() as u32).to_le_bytes());
        bytes.extend_from_slice(self.0.as_flattened());
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote and nothing else.
    ///
    /// # Errors
    /// [`OverlapError::File`] for another kind of file, a wrong count or length, entries out of order or
    /// twice.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OverlapError> {
        let damaged = |reason| Err(OverlapError::File { file: FILE, reason });
        let Some((header, body)) = bytes.split_at_checked(HEADER_BYTES) else {
            return damaged("it is shorter than its header");
        };
        let Some(count) = header.strip_prefix(MAGIC).and_then(|count| count.try_into().ok()) else {
            return damaged("it does not begin as one");
        };
        let count = u32::from_le_bytes(count) as usize;
        if count > OVERLAP_SET_ENTRIES_MAX {
            return damaged("it announces more entries than allowed");
        }
        let (entries, rest) = body.as_chunks::<ENTRY_BYTES>();
        if entries.len() != count || !rest.is_empty() {
            return damaged("its length does not match its count");
        }
        if !entries.is_sorted_by(|left, right| left < right) {
            return damaged("its entries are not strictly ascending");
        }
        Ok(Self(entries.to_vec()))
    }
}
