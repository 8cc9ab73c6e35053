//! What a report is made from. Used by the files of `report`. Invariant: grades in it passed `import` with
//! the same key and seal.

use super::super::import::Given;
use super::super::key::Key;
use super::super::outside::{Counts, Questionnaire};

/// Everything a report is made from.
pub struct Evidence<'a> {
    /// Whose answer is whose.
    pub key: &'a Key,
    /// Its seal.
    pub seal: &'a str,
    /// What graders gave back.
    pub given: &'a [Given],
    /// What patients said, where they were asked.
    pub questionnaire: Option<&'a Questionnaire>,
    /// What was counted in use.
    pub utility: Option<&'a Counts>,
    /// The seed of the bootstrap.
    pub seed: u64,
}
