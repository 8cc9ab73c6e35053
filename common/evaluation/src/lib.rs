//! Measuring that decides: test suites as data, the prompts that others use for them, what counts as right,
//! and the statistics of comparing two models on the same items. A leaf: it knows no model, no network and no
//! other crate of ours. Called by `prepare` (which asks the model), by `cli` (which shows a comparison) and
//! by both programs.
//!
//! | module | from | to |
//! |---|---|---|
//! | [`suite`] | a TOML file and its records, as their owners publish them | items |
//! | [`prompt`] | an item | the words that the model is asked with |
//! | [`judge`] | what the model said of an item | right or wrong, by which rule |
//! | [`schema`] | an answer that has to be JSON | whether it is, and of which shape |
//! | [`review`] | people's grades of two models' answers | points, gates, agreement |
//! | [`safety`] | an answer, and rules that a medical team edits | which it breaks |
//! | [`sheet`] | answers in words | a table for people who grade them |
//! | [`compare`] | what two or more models said | every share with its n and its interval |
//! | [`general`] | | a suite and texts that are built in: what a tuned model should still know |
//! | [`statistics`] | counts and differences | intervals, p-values, bounds |
//!
//! Invariants: nothing here panics on outside input; no error carries a word of a record, only file, line and
//! reason; the same input gives the same report.

pub mod compare;
mod csv;
pub mod error;
pub mod general;
pub mod judge;
pub mod limits;
pub mod prompt;
pub mod review;
pub mod safety;
pub mod schema;
pub mod sheet;
pub mod statistics;
pub mod suite;
mod xlsx;

pub use error::SuiteError;
pub use suite::{Item, Suite};
