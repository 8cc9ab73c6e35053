//! From a run's settings and records to what the model trains on and measures. The only crate that knows
//! `common`, `data` and `model` together; they do not know each other. Used by the site agent's worker and
//! commands and by the coordinator's evaluation child, so that both sides make the same samples of the same
//! record.
//!
//! | module | from | to |
//! |---|---|---|
//! | [`fitting`] | a record and a model | whether the one can be trained on with the other |
//! | [`records`] | a record of the data room | a document of the tokenizer |
//! | [`settings`] | the sections of a run file | the engine's settings |
//! | [`samples`] | documents | samples, some of them held out |
//! | [`held_out`] | a held-out file | its records by department, and samples that are measured |
//! | [`suite`] | an evaluation suite and a model | what the model said of each item |
//! | [`forgetting`] | a model with and without an adapter | how far apart they are on neutral texts |
//! | [`quality`] | a model and the files that it was written to | what these lost |
//! | [`safety`] | rules of safety and the data room's screen | rules that answers are checked by |
//! | [`error`] | what data room and engine say | one sentence, a hint, and whose fault it is |
//!
//! Invariants: nothing here opens a socket or a database; the same input gives the same samples in the same
//! order.

pub mod error;
pub mod fitting;
pub mod forgetting;
pub mod held_out;
pub mod quality;
pub mod records;
pub mod safety;
pub mod samples;
pub mod settings;
pub mod suite;

pub use error::PrepareError;
