//! People grade what a base model and a tuned one answered, without knowing whose answer they read. Called by
//! `coordinator review`; `cli` shows the report.
//!
//! | module | what it is |
//! |---|---|
//! | [`Dimension`], [`CHECKLIST`] | what is graded, on which scale, by whom |
//! | [`Key`] | whose answer is whose, sealed before anybody grades |
//! | [`table`], [`workbook`], [`form`] | a grader's sheet: CSV, XLSX, or a page that needs no network |
//! | [`label_studio_tasks`], [`argilla_dataset`] | the same for programs in which people annotate |
//! | [`import`] | what a grader gives back, in any of these forms |
//! | [`Questionnaire`], [`Counts`] | what patients said, and what was counted in use |
//! | [`mod@report`] | points, gates, harms, agreement |
//! | [`Rubric`] | the weighted total and the gates of a release |
//!
//! Invariants: what nobody graded is empty and fails its gate, nothing is put in its place; gates are decided
//! on numbers that were not rounded; the same files give the same report.

mod argilla;
mod control;
mod dimension;
mod error;
mod form;
mod grade;
mod import;
mod key;
mod label_studio;
mod outside;
mod plan;
pub mod report;
mod rubric;
mod sheet;
mod unblinded;
mod workbook;

#[cfg(test)]
mod tests;

pub use self::argilla::argilla_dataset;
pub use self::dimension::{CHECKLIST, Check, Dimension, GRADES, points};
pub use self::error::{ReviewError, Spot};
pub use self::form::form;
pub use self::grade::{Grade, Head, Letter};
pub use self::import::{Given, import, kept};
pub use self::key::{Key, KeyGrader, KeyItem, Subject, seal};
pub use self::label_studio::{label_studio_configuration, label_studio_tasks};
pub use self::outside::{Counts, Questionnaire};
pub use self::plan::{Place, plan};
pub use self::rubric::{Gate, GateKind, Rubric};
pub use self::sheet::{how_to_grade, instructions, table};
pub use self::workbook::workbook;
