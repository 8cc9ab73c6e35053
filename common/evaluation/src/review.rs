//! People grade what a base model and a tuned one answered, without knowing whose answer they read. Called by
//! `coordinator review`; `cli` shows the report.
//!
//! | module | what it is |
//! |---|---|
//! | [`Dimension`], [`CHECKLIST`] | what is graded, on which scale, by whom |
//! | [`Key`] | whose answer is whose, sealed before anybody grades |
//! | [`table`], [`form`] | a grader's sheet: CSV, or a page that works without a network |
//! | [`import`] | what a grader gives back |
//! | [`Questionnaire`], [`Counts`] | what patients said, and what was counted in use |
//! | [`mod@report`] | points, gates, harms, agreement |
//! | [`Rubric`] | the weighted total and the gates of a release |
//!
//! Invariants: what nobody graded is empty and fails its gate, nothing is put in its place; gates are decided
//! on numbers that were not rounded; the same files give the same report.

mod dimension;
mod error;
mod form;
mod grade;
mod import;
mod key;
mod outside;
mod plan;
pub mod report;
mod rubric;
mod sheet;
mod unblinded;

#[cfg(test)]
mod tests;

pub use self::dimension::{CHECKLIST, Check, Dimension, GRADES, points};
pub use self::error::ReviewError;
pub use self::form::form;
pub use self::grade::{Grade, Head, Letter};
pub use self::import::{Given, import, kept};
pub use self::key::{Key, KeyGrader, KeyItem, Subject, seal};
pub use self::outside::{Counts, Questionnaire};
pub use self::plan::{Place, plan};
pub use self::rubric::{Gate, GateKind, Rubric};
pub use self::sheet::{instructions, table};
