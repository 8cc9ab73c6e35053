//! What a site does alone, without a consortium: training (`site-agent train`), generation (`site-agent
//! generate`, `ask`, `serve`) and evaluation suites (`site-agent evaluate`).
//!
//! ```text
//! command: control -> pipe -> child (locks) -> records, samples -> training or folds (course) -> out
//!          (PEFT folder or cross-validation.json, metrics, checkpoint)
//! command: generate, evaluate (locks, in its own process)
//! ```
//!
//! Called by the command line. The child takes the worker's locks before it opens a record: no network of any
//! kind, files only as the job names them. Invariant: nothing is under the output folder's final names before
//! training is complete.

pub mod checking;
pub mod child;
pub mod control;
mod course;
pub mod documents;
pub mod evaluate;
pub mod folds;
pub mod generate;
pub mod job;
pub mod out;
mod records;
mod samples;
mod training;
