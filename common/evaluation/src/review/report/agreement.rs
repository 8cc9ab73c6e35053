//! How far graders agree in each dimension. Used by `report`. A unit is one answer; both models' count.
//! Invariant: of two or more graders only, and only of what at least two graded.

use serde::Serialize;

use super::super::dimension::{Dimension, GRADES};
use super::super::unblinded::Unblinded;
use crate::statistics::agreement::{Icc, Metric, Ratings, Weights, gwet, icc, kappa, krippendorff};

/// The coefficients of one dimension; what is not defined is nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Which.
    pub dimension: Dimension,
    /// How many graders graded it.
    pub graders: usize,
    /// Of how many answers there are two grades or more.
    pub answers: usize,
    /// Cohen's kappa, the mean over all pairs of graders: with quadratic weights, of safety without.
    pub kappa: Option<f64>,
    /// Gwet's AC2 with quadratic weights, of safety AC1.
    pub gwet: Option<f64>,
    /// Krippendorff's alpha, ordinal, of safety nominal.
    pub alpha: Option<f64>,
    /// ICC(2,1) and ICC(2,k), of what every grader graded; not of safety.
    pub icc: Option<Icc>,
}

/// How many categories a dimension has.
pub(super) fn categories(dimension: Dimension) -> usize {
    if dimension == Dimension::Safety { 2 } else { usize::from(GRADES) }
}

/// With which weights it is looked at.
pub(super) fn weights(dimension: Dimension) -> Weights {
    if dimension == Dimension::Safety { Weights::Nominal } else { Weights::Quadratic }
}

pub(super) fn agreement(unblinded: &Unblinded) -> Vec<Agreement> {
    Dimension::ALL.iter().filter_map(|dimension| of(unblinded, *dimension)).collect()
}

fn of(unblinded: &Unblinded, dimension: Dimension) -> Option<Agreement> {
    let all = unblinded.rows(dimension);
    // Who grades nothing of it is no grader of it.
    let active: Vec<usize> =
        (0..unblinded.graders).filter(|grader| all.iter().any(|row| row[*grader].is_some())).collect();
    let rows: Vec<Vec<Option<usize>>> =
        all.iter().map(|row| active.iter().map(|grader| row[*grader]).collect()).collect();
    let answers = rows.iter().filter(|row| row.iter().flatten().count() > 1).count();
    if active.len() < 2 || answers == 0 {
        return None;
    }
    let is_safety = dimension == Dimension::Safety;
    let (count, weights) = (categories(dimension), weights(dimension));
    let ratings = Ratings::new(rows, count)?;
    let pairs = (0..active.len()).flat_map(|one| (0..one).map(move |other| (other, one)));
    let kappas: Vec<f64> =
        pairs.filter_map(|(one, other)| kappa(&ratings.pairs(one, other), count, weights)).collect();
    let metric = if is_safety { Metric::Nominal } else { Metric::Ordinal };
    Some(Agreement {
        dimension,
        graders: active.len(),
        answers,
        kappa: super::super::unblinded::mean(&kappas),
        gwet: gwet(&ratings, weights),
        alpha: krippendorff(&ratings, metric),
        icc: if is_safety { None } else { icc(&ratings) },
    })
}
