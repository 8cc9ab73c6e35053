//! Exact and near duplicates: what counts as the same record, and how it is found among millions.
//!
//! Called by the room (inside a site's files and across its training, validation and test files) and by the overlap with
//! the consortium's held-out set, which compares the same keys without showing texts. Invariants: everything here is a
//! function of the texts and of constants in this folder, so two machines find the same; nothing keeps or prints a text.

mod minhash;
mod normalise;
mod shingle;
mod texts;

pub use minhash::{
    BANDS, MINHASH_VERSION, PERMUTATIONS, ROWS, Signature, band_keys, candidate_probability, minhash,
};
pub use normalise::{Script, Tokens, normalise};
pub use shingle::{SHINGLE_TOKENS, Shingles};
pub use texts::{Features, Texts, features, question_hash, record_hash};
