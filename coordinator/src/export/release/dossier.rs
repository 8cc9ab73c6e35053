//! What every document of a release is made from. Used by `made`, `card`, `chai` and `page`. Invariant: it
//! holds what was assessed and nothing else, so that documents cannot disagree.

use common::clock::Timestamp;

use super::evaluation::Evaluation;
use super::facts::Facts;
use super::fields::Fields;
use super::gates::Gate;
use super::statement::Signer;

/// One release.
#[derive(Debug, Clone, Copy)]
pub struct Dossier<'a> {
    /// What the program knows.
    pub facts: &'a Facts,
    /// What was measured.
    pub evaluation: &'a Evaluation,
    /// What people wrote.
    pub fields: &'a Fields,
    /// Every gate, passed.
    pub gates: &'a [Gate],
    /// Who signed.
    pub signers: &'a [Signer],
    /// When it was made.
    pub made: Timestamp,
}

impl Dossier<'_> {
    /// The answer to a field; a dash where there is none, which only an optional one has.
    #[must_use]
    pub fn answer(&self, key: &str) -> &str {
        self.fields.get(key).unwrap_or("-")
    }

    /// The day on which it was made (UTC).
    #[must_use]
    pub fn day(&self) -> String {
        self.made.rfc3339().chars().take(10).collect()
    }
}
