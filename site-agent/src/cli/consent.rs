//! What the subcommands about runs share: the runs that this site has heard of, a run's terms in words, and
//! the letters to and from a machine that has the officer's key and no network. Used by `runs`, `decide`,
//! `policy`, `roster` and `officer-key sign`.
//!
//! The fuzz targets read `request` and `answer`, too. Invariant: nothing here sends anything; terms are shown
//! only with the coordinator's signature verified.

mod alone;
pub mod answer;
pub(in crate::cli) mod differences;
pub(in crate::cli) mod known;
mod own_scores;
pub(in crate::cli) mod page;
pub(in crate::cli) mod policy_words;
pub mod request;
pub(in crate::cli) mod signing;
pub(in crate::cli) mod standing;
pub(in crate::cli) mod words;
