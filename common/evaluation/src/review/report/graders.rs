//! Each grader: how much is graded, whether the same answer gets the same grade when it comes again, and
//! whether grades move from the first half of the sheet to the last. Used by `report`. Invariant: second
//! readings do not count in the drift; the order is drawn, so that without drift its expectation is 0.

use serde::Serialize;

use super::super::dimension::Dimension;
use super::super::unblinded::{Unblinded, mean};
use super::agreement::{categories, weights};
use super::evidence::Evidence;
use super::measured::of_means;
use crate::statistics::agreement::kappa;
use crate::statistics::{Interval, percentiles};

/// What is known of one grader.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraderReport {
    /// `grader-1` and so on.
    pub name: String,
    /// How many answers have a grade, those that came again included.
    pub graded: usize,
    /// Of how many.
    pub of: usize,
    /// Agreement with their own earlier grades, by dimension.
    pub twice: Vec<Twice>,
    /// How grades moved, by dimension.
    pub drift: Vec<Drift>,
}

/// A grader's grades of what came twice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Twice {
    /// In which dimension.
    pub dimension: Dimension,
    /// How many answers were graded twice.
    pub answers: usize,
    /// Of how many the grades are equal.
    pub equal: usize,
    /// Cohen's kappa of the two, with quadratic weights, of safety without.
    pub kappa: Option<f64>,
}

/// How a grader's points moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// In which dimension.
    pub dimension: Dimension,
    /// The mean of the last half of the places less that of the first, in points.
    pub points: f64,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
}

pub(super) fn graders(evidence: &Evidence<'_>, unblinded: &Unblinded) -> Vec<GraderReport> {
    (0..evidence.key.graders.len())
        .map(|number| {
            let grader = &evidence.key.graders[number];
            let given = evidence.given.iter().find(|one| one.grader == number);
            GraderReport {
                name: grader.name.clone(),
                graded: given.map_or(0, |given| given.grades.iter().filter(|one| one.has_grade()).count()),
                of: 2 * grader.places.len(),
                twice: Dimension::ALL.iter().filter_map(|one| twice(unblinded, number, *one)).collect(),
                drift: Dimension::ALL
                    .iter()
                    .filter_map(|one| drift(evidence, unblinded, number, *one))
                    .collect(),
            }
        })
        .collect()
}

fn twice(unblinded: &Unblinded, grader: usize, dimension: Dimension) -> Option<Twice> {
    let pairs = unblinded.twice(grader, dimension);
    (!pairs.is_empty()).then(|| Twice {
        dimension,
        answers: pairs.len(),
        equal: pairs.iter().filter(|(first, again)| first == again).count(),
        kappa: kappa(&pairs, categories(dimension), weights(dimension)),
    })
}

fn drift(
    evidence: &Evidence<'_>,
    unblinded: &Unblinded,
    grader: usize,
    dimension: Dimension,
) -> Option<Drift> {
    let places = &evidence.key.graders[grader].places;
    // The points of a place are the mean of its two answers: they share a question, and are drawn together.
    let points = |(number, place): (usize, &super::super::plan::Place)| {
        let of = |model| unblinded.of(place.item, model)[grader].first_points(dimension);
        let both = [0, 1].into_iter().filter_map(of);
        let both = mean(&both.collect::<Vec<f64>>()).filter(|_| !place.again)?;
        Some((2 * number >= places.len(), both))
    };
    let all: Vec<(bool, f64)> = places.iter().enumerate().filter_map(points).collect();
    let [first, last] = [false, true]
        .map(|half| all.iter().filter(|one| one.0 == half).map(|one| one.1).collect::<Vec<f64>>());
    let drawn =
        of_means(&last, evidence.seed).into_iter().zip(of_means(&first, evidence.seed.wrapping_add(1)));
    Some(Drift {
        dimension,
        points: mean(&last)? - mean(&first)?,
        interval: percentiles(drawn.map(|(last, first)| last - first).collect()).map(Interval::ends),
    })
}
