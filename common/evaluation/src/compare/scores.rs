//! One model's scores on one suite. Called by `compare`. Invariant: a figure that the suite does not measure
//! is absent, not 0.

use serde::Serialize;

use super::arm::Arm;
use crate::judge::{Outcome, calibration_error};
use crate::statistics::{Interval, clopper_pearson, no_event_bound, wilson};

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

/// What one model reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// What the model is called.
    pub name: String,
    /// Items that it got right (`acc`).
    pub right: Share,
    /// Whether items share cases, so that the next two count cases and not items.
    pub by_case: bool,
    /// Cases of which it got an item wrong, with Clopper and Pearson's interval, for what must not happen.
    pub wrong: Share,
    /// Where there is none: the share is below this, one-sided with 95 %.
    pub wrong_below: Option<f64>,
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
}

impl Scores {
    /// `cases` has the places of the items of each case.
    pub(super) fn of(arm: &Arm, cases: &[Vec<usize>]) -> Self {
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
        }
    }
}
