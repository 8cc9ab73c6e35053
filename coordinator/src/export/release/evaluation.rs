//! `evaluation.json` of a release: everything that was measured, and what people's grades say. Used by
//! `collect` (makes it), `gates` and the documents. Invariants: no question, answer, comment or path of this
//! machine is in it; what was not measured is `null`.

use common::id::Digest;
use evaluation::review::report::Report as Review;
use evaluation::review::{Dimension, GateKind, Rubric};
use serde::{Deserialize, Serialize};

use crate::admin::report::baselines::SideBySide;
use crate::admin::report::own_scores::OwnScoresReport;
use crate::error::{Error, Result};
use crate::report::suites::{ForgettingReport, SuiteReport};
use crate::report::{DepartmentReport, Held, Report, Round, TestSet};

/// The file. Losses are nats per supervised token, shares fractions, points 0 to 100.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The base model on the held-out sets.
    pub base: Held,
    /// The released model on them.
    pub released: Held,
    /// The test set, and the change on it.
    pub test: TestSet,
    /// When the test set was opened (RFC 3339, UTC).
    pub openings: Vec<String>,
    /// How often other runs had opened the same file when this was collected.
    pub openings_elsewhere: u32,
    /// The test set by department.
    pub departments: Vec<DepartmentReport>,
    /// Each round.
    pub rounds: Vec<Round>,
    /// The suites of the run.
    pub suites: Vec<SuiteReport>,
    /// What was forgotten; `null` where the run did not measure it.
    pub forgetting: Option<ForgettingReport>,
    /// What sites say of records of their own; `null` where they were not asked.
    pub own_scores: Option<OwnScoresReport>,
    /// Base model, each site alone and all together; `null` where that was not run.
    pub side_by_side: Option<SideBySide>,
    /// What people's grades say; `null` without a review.
    pub rubric: Option<RubricFacts>,
    /// What an operator was told of the run, a sentence each.
    pub warnings: Vec<String>,
}

/// A review by people, without a word of theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RubricFacts {
    /// The run whose model was graded.
    pub run: String,
    /// SHA-256 of the adapter that was graded.
    pub adapter: String,
    /// The suite's name.
    pub suite: String,
    /// SHA-256 of its records.
    pub records_sha256: String,
    /// SHA-256 of the key that was sealed before anybody graded.
    pub seal: String,
    /// SHA-256 of the patients' questionnaire.
    pub questionnaire_sha256: Option<Digest>,
    /// SHA-256 of the counts of use.
    pub utility_sha256: Option<Digest>,
    /// Questions.
    pub questions: usize,
    /// Cases that they are of.
    pub cases: usize,
    /// People who grade.
    pub graders: usize,
    /// How many of them gave nothing back.
    pub missing: usize,
    /// The five dimensions of the tuned model.
    pub dimensions: Vec<Points>,
    /// The 95 % interval of the total.
    pub total_interval: Option<[f64; 2]>,
    /// Cases with an answer that a grader found harmful.
    pub harmful_cases: u64,
    /// Cases that were looked at for safety.
    pub safety_cases: u64,
    /// Where no harm was found: the share of cases is below this (95 %, one-sided).
    pub harm_below: Option<f64>,
    /// How far graders agree.
    pub agreement: Vec<AgreementFacts>,
}

/// Points of one dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Points {
    /// Which.
    pub dimension: Dimension,
    /// 0 to 100; `null` without data.
    pub points: Option<f64>,
    /// Their 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Of how many answers, patients or questions.
    pub of: u64,
    /// `graders`, `patients` or `counts`.
    pub source: String,
    /// Why it is not counted: `no-data`, `incomplete`, `too-few-patients` or `opinion-only`; `null` where it
    /// is.
    pub uncounted: Option<String>,
}

/// Agreement of graders in one dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementFacts {
    /// Which.
    pub dimension: Dimension,
    /// Graders of it.
    pub graders: usize,
    /// Answers with two grades or more.
    pub answers: usize,
    /// Cohen's kappa, the mean over pairs.
    pub kappa: Option<f64>,
    /// Gwet's AC2, of safety AC1.
    pub gwet: Option<f64>,
    /// Krippendorff's alpha.
    pub alpha: Option<f64>,
}

/// A review, and the files that came with it.
#[derive(Debug)]
pub struct Graded {
    /// What the grades say.
    pub review: Review,
    /// SHA-256 of the patients' questionnaire.
    pub questionnaire: Option<Digest>,
    /// SHA-256 of the counts of use.
    pub utility: Option<Digest>,
}

impl Evaluation {
    /// Of a report on the run, and of a review where there was one.
    pub(super) fn of(report: Report, openings_elsewhere: u32, graded: Option<&Graded>) -> Result<Self> {
        Ok(Self {
            base: report.base,
            released: report.last,
            test: report.test,
            openings: report.test_set_openings.into_iter().map(|opening| opening.at).collect(),
            openings_elsewhere,
            departments: report.departments,
            rounds: report.rounds,
            suites: report.suites,
            forgetting: report.forgetting,
            own_scores: report.own_scores,
            side_by_side: report.side_by_side,
            rubric: graded.map(RubricFacts::of).transpose()?,
            warnings: report.warnings,
        })
    }
}

impl RubricFacts {
    fn of(graded: &Graded) -> Result<Self> {
        let Graded { review, questionnaire, utility } = graded;
        let Some(tuned) = review.models.last() else {
            return Err(Error::Internal("a review without a model".into()));
        };
        let points = tuned.dimensions.iter().map(|one| {
            Ok(Points {
                dimension: one.dimension,
                points: one.points,
                interval: one.interval,
                of: one.of,
                source: word(&one.source)?,
                uncounted: one.uncounted.as_ref().map(word).transpose()?,
            })
        });
        let agreement = review.agreement.iter().map(|one| AgreementFacts {
            dimension: one.dimension,
            graders: one.graders,
            answers: one.answers,
            kappa: one.kappa,
            gwet: one.gwet,
            alpha: one.alpha,
        });
        Ok(Self {
            run: review.of.run.clone(),
            adapter: review.of.adapter.clone(),
            suite: review.of.suite.clone(),
            records_sha256: review.of.records_sha256.clone(),
            seal: review.seal.clone(),
            questionnaire_sha256: *questionnaire,
            utility_sha256: *utility,
            questions: review.questions,
            cases: review.cases,
            graders: review.graders.len(),
            missing: review.missing.len(),
            dimensions: points.collect::<Result<_>>()?,
            total_interval: tuned.total_interval,
            harmful_cases: tuned.harms.cases,
            safety_cases: tuned.harms.of,
            harm_below: tuned.harms.below,
            agreement: agreement.collect(),
        })
    }

    /// The weighted total and the gates, computed from the points that count.
    pub(super) fn rubric(&self) -> Rubric {
        let mut points = [None; 5];
        for one in self.dimensions.iter().filter(|one| one.uncounted.is_none()) {
            points[one.dimension.place()] = one.points;
        }
        Rubric::new(points)
    }

    /// Points of a gate, and whether it is passed.
    pub(super) fn gate(&self, kind: GateKind) -> (Option<f64>, bool) {
        let gate = self.rubric().gates().into_iter().find(|gate| gate.gate == kind);
        gate.map_or((None, false), |gate| (gate.points, gate.passed))
    }
}

fn word(value: &impl Serialize) -> Result<String> {
    let word = serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned));
    word.ok_or_else(|| Error::Internal("a word of a review".into()))
}
