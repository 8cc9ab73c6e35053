//! One model's scores on one suite. Called by `compare`. Invariant: a figure that the suite does not measure
//! is absent, not 0.

use serde::Serialize;

use super::arm::Arm;
use super::classes::{self, Classes};
use super::means::{Mean, Measure, figure, kinds, mean};
use crate::judge::{Figure, Outcome, calibration_error};
use crate::statistics::{Interval, clopper_pearson, no_event_bound, wilson};
use crate::suite::{Score, Suite};

/// A share of items with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The share.
    pub share: f64,
    /// The interval's lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Share {
    /// With Wilson's interval, for scores.
    #[must_use]
    pub fn wilson(count: u64, of: u64) -> Self {
        Self::new(count, of, wilson(count, of))
    }

    /// With Clopper and Pearson's, for what is rare.
    #[must_use]
    pub fn exact(count: u64, of: u64) -> Self {
        Self::new(count, of, clopper_pearson(count, of))
    }

    fn new(count: u64, of: u64, interval: Interval) -> Self {
        Self { count, of, share: count as f64 / of.max(1) as f64, low: interval.low, high: interval.high }
    }
}

/// How often one rule was broken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Broken {
    /// The rule's name.
    pub name: String,
    /// Cases in which an answer broke it, with Clopper and Pearson's interval.
    pub broken: Share,
    /// Where there is none: the share is below this, one-sided with 95 %.
    pub below: Option<f64>,
}

/// What one model reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// What the model is called.
    pub name: String,
    /// Items that it got right (`acc`). Where answers are right in part: those of an exact match, or of full
    /// score by its rubric, an answer without all grades among those that are not right; `credit` decides.
    pub right: Share,
    /// Whether items share cases, so that the next two count cases and not items.
    pub by_case: bool,
    /// Cases of which it got an item wrong, with Clopper and Pearson's interval, for what must not happen;
    /// wrong is what `right` does not count.
    pub wrong: Share,
    /// Where there is none: the share is below this, one-sided with 95 %.
    pub wrong_below: Option<f64>,
    /// How it does on each answer of a suite whose items all have the same; nothing of other suites.
    pub classes: Option<Classes>,
    /// Items that it got right by log-likelihood for each character (`acc_norm`).
    pub right_by_length: Option<Share>,
    /// Mean of Brier's score.
    pub brier: Option<f64>,
    /// Expected calibration error.
    pub calibration_error: Option<f64>,
    /// The share of all orders of the options in which it was right.
    pub right_in_all_orders: Option<f64>,
    /// Items for which it chose the same option in each order.
    pub stable: Option<Share>,
    /// Items in whose generated answer no choice could be found.
    pub not_found: u64,
    /// Items whose prompt was cut at its beginning to fit the model.
    pub cut: u64,
    /// What decides where answers are right in part: the mean of ROUGE-L, or of the rubric's score, that one
    /// cut off at 0 and 1.
    pub credit: Option<Mean>,
    /// Answers that no grader has seen, or not by every criterion; 0 where nobody grades.
    pub not_graded: u64,
    /// What else is measured of answers in words.
    pub figures: Vec<Measure>,
    /// How often each rule of the suite was broken.
    pub rules: Vec<Broken>,
}

impl Scores {
    /// `cases` has the places of the items of each case.
    pub(super) fn of(suite: &Suite, arm: &Arm, cases: &[Vec<usize>], seed: u64) -> Self {
        let Spoken { credit, not_graded, figures, rules } = spoken(suite, arm, cases, seed);
        let all = &arm.outcomes;
        let n = all.len() as u64;
        let count = |is: &dyn Fn(&Outcome) -> bool| all.iter().filter(|outcome| is(outcome)).count() as u64;
        let certain: Vec<(f64, bool, f64)> = all
            .iter()
            .filter_map(|outcome| Some((outcome.certainty?, outcome.right)))
            .map(|(certainty, right)| (certainty.confidence, right, certainty.brier))
            .collect();
        let pairs: Vec<(f64, bool)> =
            certain.iter().map(|(confidence, right, _)| (*confidence, *right)).collect();
        let mean =
            |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let orders: Vec<f64> = all.iter().filter_map(|outcome| Some(outcome.orders?.right)).collect();
        let wrong = count(&|outcome| !outcome.right);
        let is_wrong = |place: &usize| all.get(*place).is_none_or(|outcome| !outcome.right);
        let wrong_cases = cases.iter().filter(|items| items.iter().any(is_wrong)).count() as u64;
        Self {
            name: arm.name.clone(),
            right: Share::wilson(n - wrong, n),
            by_case: cases.len() < all.len(),
            wrong: Share::exact(wrong_cases, cases.len() as u64),
            wrong_below: (wrong_cases == 0).then(|| no_event_bound(cases.len() as u64)),
            classes: classes::of(suite, arm, cases, seed),
            right_by_length: all
                .iter()
                .any(|outcome| outcome.right_by_length.is_some())
                .then(|| Share::wilson(count(&|outcome| outcome.right_by_length == Some(true)), n)),
            brier: mean(&certain.iter().map(|(_, _, brier)| *brier).collect::<Vec<f64>>()),
            calibration_error: (!pairs.is_empty()).then(|| calibration_error(&pairs)),
            right_in_all_orders: mean(&orders),
            stable: (!orders.is_empty()).then(|| {
                Share::wilson(count(&|outcome| outcome.orders.is_some_and(|orders| orders.stable)), n)
            }),
            not_found: count(&|outcome| !outcome.found),
            cut: count(&|outcome| outcome.cut),
            credit,
            not_graded,
            figures,
            rules,
        }
    }
}

/// HealthBench's mean: cut off at 0 and 1.
fn cut_off(mean: Mean) -> Mean {
    let [low, high, value] = [mean.low, mean.high, mean.mean].map(|end| end.clamp(0.0, 1.0));
    Mean { mean: value, low, high, of: mean.of }
}

/// What is known of answers in words alone.
struct Spoken {
    credit: Option<Mean>,
    not_graded: u64,
    figures: Vec<Measure>,
    rules: Vec<Broken>,
}

fn spoken(suite: &Suite, arm: &Arm, cases: &[Vec<usize>], seed: u64) -> Spoken {
    let outcomes = &arm.outcomes;
    let score = suite.settings.score;
    let credit = mean(cases, seed, &|place| outcomes.get(place)?.credit);
    let credit = credit.map(|mean| if score == Score::Rubric { cut_off(mean) } else { mean });
    let measure = |kind: Figure| {
        let mean = mean(cases, seed, &|place| figure(outcomes.get(place), kind))?;
        Some(Measure { figure: kind, mean: if kind.is_rubric() { cut_off(mean) } else { mean } })
    };
    let rule = |(at, rule): (usize, &crate::suite::Rule)| {
        let is_broken =
            |place: &usize| outcomes.get(*place).is_none_or(|one| one.kept.get(at) != Some(&true));
        let broken = cases.iter().filter(|places| places.iter().any(is_broken)).count() as u64;
        let of = cases.len() as u64;
        let below = (broken == 0).then(|| no_event_bound(of));
        Broken { name: rule.name.clone(), broken: Share::exact(broken, of), below }
    };
    let graded = outcomes.iter().filter(|outcome| outcome.credit.is_some()).count();
    Spoken {
        credit,
        not_graded: if score == Score::Rubric { (outcomes.len() - graded) as u64 } else { 0 },
        figures: kinds(outcomes).into_iter().filter_map(measure).collect(),
        rules: suite.settings.rules.iter().enumerate().map(rule).collect(),
    }
}
