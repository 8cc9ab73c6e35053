//! Records that are made up from `deploy/demo-data/facts.tsv`: no patient is behind any of them. Used by
//! `make-demo-data`, which writes what the repository has of them, and by the release demo, which makes its
//! own. Invariant: the same seed gives the same records on every machine.

pub mod facts;
pub mod outcome;
mod people;
pub mod records;
pub mod sampler;
pub mod wording;
