//! Two or more models on the same suites: every share with its n and its interval, what got better and what
//! got worse, for which items, and how sure that is; Brier's score, the calibration error and the share over
//! all orders have no interval. Called by the commands that evaluate, with what `judge`
//! said of each item; `cli` shows the report, and `--json` prints it as it is.
//!
//! Invariants: the first arm is the base that all others are compared with; p-values are corrected over all
//! comparisons of a report (Holm) and count cases, which are independent, not items; the same outcomes give
//! the same report, bootstrap included.

mod arm;
mod classes;
mod means;
mod pair;
mod scores;

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::statistics::{holm, smallest_gain};
use crate::suite::{GradedBy, Grades, Prompt, Score};

pub use self::arm::{Arm, Measured};
pub use self::classes::{Class, Classes};
pub use self::means::{Mean, Measure};
pub use self::pair::{Comparison, Group, Verdict};
pub use self::scores::{Broken, Scores, Share};

/// Shares of items on which two models may disagree, for which it is said what a suite can see.
const DISAGREEING: [f64; 2] = [0.1, 0.2];

/// The report of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// One for each suite, in the order asked.
    pub suites: Vec<SuiteReport>,
    /// Over how many comparisons the p-values are corrected.
    pub comparisons: usize,
    /// The seed of the bootstrap.
    pub seed: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// What one suite says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SuiteReport {
    /// The suite's name.
    pub name: String,
    /// The file of records.
    pub records: String,
    /// Its SHA-256, in hex.
    pub records_sha256: String,
    /// Its licence, as the suite's author states it.
    pub licence: Option<String>,
    /// The words of the questions.
    pub prompt: Prompt,
    /// What decided.
    pub score: Score,
    /// Whether the questions were turns of a conversation.
    pub chat: bool,
    /// What stood before every question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many examples stood before every question.
    #[serde(skip_serializing_if = "is_none")]
    pub shots: u64,
    /// SHA-256 of their file, in hex, where they have one of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub examples_sha256: Option<String>,
    /// How many items.
    pub items: u64,
    /// How many cases they are of; as many as items where none share one.
    pub cases: u64,
    /// What always giving the most frequent answer scores; nothing where answers are words.
    pub majority: Option<f64>,
    /// What guessing scores; nothing where answers are words.
    pub guessing: Option<f64>,
    /// The smallest gain that it sees with 80 % power if the models disagree on 10 % or on 20 % of the items;
    /// nothing where answers are right in part, of which no such formula holds.
    pub sees: Option<[f64; 2]>,
    /// Who graded, where answers are graded by a rubric and there are grades.
    pub grading: Option<Grading>,
    /// Each model's scores, the base first.
    pub arms: Vec<Scores>,
    /// Each other model beside the base.
    pub comparisons: Vec<Comparison>,
}

/// Where the grades of a suite are from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grading {
    /// The file.
    pub file: String,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Who gave them.
    pub by: GradedBy,
    /// How many graders it names.
    pub graders: u64,
    /// Whether a model gave them: good for choosing what people look at first, and for nothing else.
    pub triage_only: bool,
}

impl Grading {
    fn of(grades: &Grades) -> Self {
        Self {
            file: grades.file.clone(),
            sha256: grades.sha256.clone(),
            by: grades.by,
            graders: grades.graders,
            triage_only: grades.by == GradedBy::Model,
        }
    }
}

/// The report of what was measured. Items of one case are resampled together.
#[must_use]
pub fn report(measured: &[Measured], seed: u64) -> Report {
    let mut suites: Vec<SuiteReport> = measured.iter().map(|one| suite_report(one, seed)).collect();
    let comparisons = || suites.iter().flat_map(|suite| &suite.comparisons);
    let corrected = holm(&comparisons().map(|pair| pair.case_p).collect::<Vec<f64>>());
    let pairs = suites.iter_mut().flat_map(|suite| &mut suite.comparisons);
    for (pair, corrected) in pairs.zip(&corrected) {
        pair.correct(*corrected);
    }
    Report { suites, comparisons: corrected.len(), seed }
}

fn suite_report(measured: &Measured, seed: u64) -> SuiteReport {
    let Measured { suite, arms } = measured;
    let of_cases = means::cases(suite);
    let (items, cases) = (suite.items.len() as u64, of_cases.len() as u64);
    let comparisons = match arms.split_first() {
        None => Vec::new(),
        Some((base, others)) => others.iter().map(|arm| pair::compare(suite, base, arm, seed)).collect(),
    };
    SuiteReport {
        name: suite.settings.name.clone(),
        records: suite.settings.records.clone(),
        records_sha256: suite.records_sha256.clone(),
        licence: suite.settings.licence.clone(),
        prompt: suite.settings.prompt,
        score: suite.settings.score,
        chat: suite.settings.chat,
        description: suite.settings.description.clone(),
        shots: suite.examples.len() as u64,
        examples_sha256: suite.examples_sha256.clone(),
        items,
        cases,
        majority: suite.majority(),
        guessing: suite.guessing(),
        sees: (!suite.settings.score.is_graded())
            .then(|| DISAGREEING.map(|share| smallest_gain(cases, share))),
        grading: suite.grades.as_ref().map(Grading::of),
        arms: arms.iter().map(|arm| Scores::of(suite, arm, &of_cases, seed)).collect(),
        comparisons,
    }
}
