//! What the comparison said about each feature, and the rule that drops a record. Called by `query`, which
//! makes it, and by the worker, which writes it when all proofs held and reads it again in every round of the
//! run. It is asked by features, not by record numbers: when the files change during a run, a record that was
//! not compared is left out as well.

use super::error::OverlapError;
use super::features::Features;
use crate::limits::OVERLAP_BAND_HITS_MIN;

const MAGIC: &[u8; 16] = b"consilium ovv 1\n";
const FILE: &str = "verdict file";

/// For each feature that was asked about: whether it is in the held-out set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlapResult {
    /// Ascending.
    keys: Vec<[u8; 32]>,
    /// One for each key.
    hits: Vec<bool>,
}

/// Which records are left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Excluded {
    /// One flag for each record.
    pub exclude: Vec<bool>,
    /// Records that are too close to a held-out one.
    pub too_close: u64,
    /// Records that were not there when the comparison was made.
    pub not_compared: u64,
}

impl OverlapResult {
    pub(super) fn new(keys: Vec<[u8; 32]>, hits: Vec<bool>) -> Result<Self, OverlapError> {
        if keys.len() != hits.len() {
            return Err(OverlapError::Length { expected: keys.len(), found: hits.len() });
        }
        Ok(Self { keys, hits })
    }

    /// Applies the rule to every record. One with nothing to compare is kept.
    #[must_use]
    pub fn exclude(&self, records: &[Option<Features>]) -> Excluded {
        let mut excluded = Excluded::default();
        for record in records {
            let drop = match record.as_ref().map(|features| self.is_close(features)) {
                None | Some(Some(false)) => false,
                Some(Some(true)) => {
                    excluded.too_close += 1;
                    true
                }
                Some(None) => {
                    excluded.not_compared += 1;
                    true
                }
            };
            excluded.exclude.push(drop);
        }
        excluded
    }

    /// The rule; `None` when one of the features was not asked.
    fn is_close(&self, features: &Features) -> Option<bool> {
        let exact = self.hit(&features.exact)?;
        let bands: Option<Vec<bool>> = features.bands.iter().map(|key| self.hit(key)).collect();
        Some(exact || bands?.into_iter().filter(|hit| *hit).count() >= OVERLAP_BAND_HITS_MIN)
    }

    fn hit(&self, key: &[u8; 32]) -> Option<bool> {
        self.keys.binary_search(key).ok().and_then(|index| self.hits.get(index).copied())
    }

    /// The file: magic, number of keys (u32, little-endian), keys ascending, one byte 0 or 1 for each.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        // At most OVERLAP_POINTS_MAX.
        bytes.extend_from_slice(&(self.keys.len() as u32).to_le_bytes());
        bytes.extend_from_slice(self.keys.as_flattened());
        bytes.extend(self.hits.iter().map(|hit| u8::from(*hit)));
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`OverlapError::File`] when the bytes do not begin as a result, or keys and flags are not as counted.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OverlapError> {
        let damaged = |reason| OverlapError::File { file: FILE, reason };
        let body = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("it does not begin as one"))?;
        let (keys, flags) = read_counted(body).ok_or_else(|| damaged("its keys are not as counted"))?;
        if flags.len() != keys.len() || flags.iter().any(|flag| *flag > 1) {
            return Err(damaged("it has not one flag for each key"));
        }
        Ok(Self { keys, hits: flags.iter().map(|flag| *flag == 1).collect() })
    }
}

/// A count, so many strictly ascending keys, and nothing else.
pub(super) fn read_keys(bytes: &[u8]) -> Option<Vec<[u8; 32]>> {
    read_counted(bytes).filter(|(_, rest)| rest.is_empty()).map(|(keys, _)| keys)
}

/// A count, so many strictly ascending keys, and the rest.
fn read_counted(bytes: &[u8]) -> Option<(Vec<[u8; 32]>, &[u8])> {
    let (count, body) = bytes.split_first_chunk::<4>()?;
    let key_bytes = (u32::from_le_bytes(*count) as usize).checked_mul(32)?;
    let (keys, rest) = body.split_at_checked(key_bytes)?;
    let keys = keys.as_chunks::<32>().0;
    keys.is_sorted_by(|left, right| left < right).then(|| (keys.to_vec(), rest))
}
