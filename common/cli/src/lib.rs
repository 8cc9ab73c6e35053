//! What the command lines of both programs share: a question before what cannot be undone, completions and
//! manual pages, a program's own log, settings with where they come from, durations, the reports of an
//! evaluation and of a review, how the files of private keys are opened and sealed, and the witness. Used by
//! `coordinator` and `site-agent`, and by the tests that read their help. Invariants: nothing here knows a
//! consortium or a record; `keys` and `witness` alone read keys.

pub mod comparison;
pub mod confirm;
pub mod duration;
pub mod keys;
mod layout;
pub mod limits;
pub mod log;
pub mod pages;
pub mod questions;
pub mod review;
pub mod settings;
pub mod witness;
