//! Exact and near duplicates: what counts as the same record, and how it is found among millions.
//!
//! Called by the room (inside a site's files and across its training, validation and test files) and by the
//! overlap with the consortium's held-out set, which compares the same keys without showing texts.
//! Invariants: everything here is a function of the texts and of constants in this folder, so two machines
//! find the same; nothing keeps or prints a text.
//!
//! Two passes: [`Keys`] takes every record once and gives [`Candidates`]; those take the questions of
//! candidate records once more and give [`Duplicates`]. [`find`] does both for records that are in memory.

mod candidates;
mod keys;
mod matches;
mod minhash;
mod normalise;
mod options;
mod policy;
mod shingle;
mod splitmix64;
mod texts;

pub use self::candidates::Candidates;
pub use self::keys::Keys;
pub use self::matches::{Duplicates, Match, MatchKind};
pub use self::minhash::{
    BANDS, MINHASH_VERSION, PERMUTATIONS, ROWS, Signature, band_keys, candidate_probability, minhash,
};
pub use self::normalise::{Script, Tokens, normalise};
pub use self::options::DedupOptions;
pub use self::policy::{DuplicatePolicy, UnknownPolicy};
pub use self::shingle::{SHINGLE_TOKENS, Shingles};
pub use self::texts::{Features, Texts, features, question_hash, record_hash};

/// Finds the duplicates among records that are in memory.
#[must_use]
pub fn find(texts: &[Texts], options: &DedupOptions) -> Duplicates {
    let mut keys = Keys::default();
    keys.push(texts);
    let mut candidates = keys.candidates(options);
    let questions: Vec<(u32, &str)> =
        (0u32..).zip(texts.iter().map(|texts| texts.question.as_str())).collect();
    candidates.offer(&questions);
    candidates.verify(options)
}

#[cfg(test)]
mod tests;
