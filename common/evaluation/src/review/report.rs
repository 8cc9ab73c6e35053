//! What people's grades say of two models: points, total, gates, harms, agreement. Called by `coordinator
//! review report`; `cli` shows it, and `--json` prints it as it is.
//!
//! Invariants: the same files and seed give the same report; a dimension that was not graded for every
//! answer, by too few patients or not at all is not counted, and the gates that need it fail.

mod agreement;
mod evidence;
mod graders;
mod harm;
mod measured;

#[cfg(test)]
mod tests;

use serde::Serialize;

use super::dimension::Dimension;
use super::grade::Grade;
use super::key::Subject;
use super::rubric::{Gate, Rubric};
use super::unblinded::Unblinded;

pub use self::agreement::Agreement;
pub use self::evidence::Evidence;
pub use self::graders::{Drift, GraderReport, Twice};
pub use self::harm::{Harm, Harms};
pub use self::measured::{Difference, Measured, Source, Uncounted};

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What was reviewed.
    pub of: Subject,
    /// The seal of the key.
    pub seal: String,
    /// How many questions.
    pub questions: usize,
    /// How many cases they are of.
    pub cases: usize,
    /// The base, then the tuned model.
    pub models: Vec<ModelReport>,
    /// How the tuned model differs from the base, by dimension.
    pub differences: Vec<Difference>,
    /// The tuned model's gates.
    pub gates: Vec<Gate>,
    /// Graders who gave nothing back; while there is one, nothing is passed.
    pub missing: Vec<String>,
    /// Whether every gate is passed and nobody is missing.
    pub passed: bool,
    /// Every answer that a grader found harmful, the tuned model's first.
    pub harms: Vec<Harm>,
    /// How far graders agree, by dimension.
    pub agreement: Vec<Agreement>,
    /// Each grader.
    pub graders: Vec<GraderReport>,
    /// The seed of the bootstrap.
    pub seed: u64,
}

/// One model's points.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelReport {
    /// What it is called.
    pub model: String,
    /// The five dimensions.
    pub dimensions: Vec<Measured>,
    /// The weighted total; nothing where a dimension is not counted.
    pub total: Option<f64>,
    /// Its 95 % interval.
    pub total_interval: Option<[f64; 2]>,
    /// How many cases have an answer that a grader found harmful.
    pub harms: Harms,
}

/// The report of what is there.
#[must_use]
pub fn report(evidence: &Evidence<'_>) -> Report {
    let Evidence { key, given, .. } = evidence;
    let unblinded = Unblinded::new(key, given);
    let models: Vec<ModelReport> = (0..2).map(|model| of_model(evidence, &unblinded, model)).collect();
    let gates = Rubric::new(models.last().map(counted).unwrap_or_default()).gates();
    let is_missing = |number: &usize| {
        !given.iter().any(|one| one.grader == *number && one.grades.iter().any(Grade::has_grade))
    };
    let missing = (0..key.graders.len()).filter(is_missing);
    let missing: Vec<String> = missing.map(|number| key.graders[number].name.clone()).collect();
    Report {
        of: key.of.clone(),
        seal: evidence.seal.to_owned(),
        questions: key.items.len(),
        cases: unblinded.cases.len(),
        differences: measured::differences(&unblinded, evidence.seed),
        passed: missing.is_empty() && gates.iter().all(|gate| gate.passed),
        gates: gates.into(),
        missing,
        harms: harm::list(key, &unblinded),
        agreement: agreement::agreement(&unblinded),
        graders: graders::graders(evidence, &unblinded),
        models,
        seed: evidence.seed,
    }
}

/// The points that the gates may look at.
fn counted(model: &ModelReport) -> [Option<f64>; 5] {
    let mut points = [None; 5];
    for one in &model.dimensions {
        points[one.dimension.place()] = one.points.filter(|_| one.uncounted.is_none());
    }
    points
}

fn of_model(evidence: &Evidence<'_>, unblinded: &Unblinded, model: usize) -> ModelReport {
    let dimensions: Vec<Measured> =
        Dimension::ALL.iter().map(|one| measured::measured(evidence, unblinded, model, *one)).collect();
    let mut found = ModelReport {
        model: evidence.key.of.models[model].clone(),
        dimensions,
        total: None,
        total_interval: None,
        harms: harm::harms(unblinded, model),
    };
    found.total = Rubric::new(counted(&found)).total();
    if found.total.is_some() {
        found.total_interval = measured::total_interval(evidence, unblinded, model);
    }
    found
}
