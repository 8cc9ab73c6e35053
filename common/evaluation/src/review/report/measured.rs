//! Points of a dimension with their interval, where they are from, and why they are not counted. Used by
//! `report`. Sources of the intervals: Efron and Tibshirani 1993 (percentile bootstrap of the cases, of the
//! patients); Clopper and Pearson 1934 (safety); Wilson 1927 (utility).

use serde::Serialize;

use super::super::dimension::Dimension;
use super::super::outside::Questionnaire;
use super::super::unblinded::{Unblinded, mean};
use super::evidence::Evidence;
use crate::limits::{PATIENTS_MIN, UTILITY_DRAWN_MAX};
use crate::statistics::{Interval, clopper_pearson, draws, percentiles, wilson};

/// Where points are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Graders' sheets.
    Graders,
    /// The patients' questionnaire.
    Patients,
    /// What was counted in use.
    Counts,
}

/// Why points are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Uncounted {
    /// There are none.
    NoData,
    /// Some answers have no grade.
    Incomplete,
    /// Fewer patients than are needed.
    TooFewPatients,
    /// Graders' opinion only, where patients or counts decide.
    OpinionOnly,
}

/// What is known of one dimension of one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Which.
    pub dimension: Dimension,
    /// Points from 0 to 100.
    pub points: Option<f64>,
    /// Their 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Of how many answers, patients or questions.
    pub of: u64,
    /// Where they are from.
    pub source: Source,
    /// Why the total and the gates do not count them; nothing where they do.
    pub uncounted: Option<Uncounted>,
}

/// How the tuned model differs from the base.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// In which dimension.
    pub dimension: Dimension,
    /// Points, tuned less base, over the items that have both.
    pub points: f64,
    /// The 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// How many items have both.
    pub of: u64,
}

pub(super) fn measured(
    evidence: &Evidence<'_>,
    unblinded: &Unblinded,
    model: usize,
    dimension: Dimension,
) -> Measured {
    match (dimension, evidence.questionnaire, evidence.utility) {
        (Dimension::Friendliness, Some(patients), _) => of_patients(patients, model, evidence.seed),
        (Dimension::Utility, _, Some(counts)) => {
            let [asked, solved] = counts.of(model);
            let share = (asked > 0).then(|| 100.0 * solved as f64 / asked as f64);
            Measured {
                dimension,
                points: share,
                interval: share.map(|_| wilson(solved, asked).in_points().ends()),
                of: asked,
                source: Source::Counts,
                uncounted: share.is_none().then_some(Uncounted::NoData),
            }
        }
        _ => of_graders(unblinded, model, dimension, evidence.seed),
    }
}

fn of_graders(unblinded: &Unblinded, model: usize, dimension: Dimension, seed: u64) -> Measured {
    let points = unblinded.points(model, dimension);
    let graded: Vec<f64> = points.iter().copied().flatten().collect();
    let mut interval =
        percentiles(draws(unblinded.cases.len(), seed, |cases| unblinded.mean_of(&points, cases)));
    if let Some(found) = interval.as_mut().filter(|_| dimension == Dimension::Safety) {
        // Where no grader sees harm a bootstrap has width 0; what none of n proves is not.
        let harms = super::harm::harms(unblinded, model);
        let exact = clopper_pearson(harms.of.saturating_sub(harms.cases), harms.of).in_points();
        *found = Interval { low: found.low.min(exact.low), high: found.high.max(exact.high) };
    }
    // A harm is known before harmlessness is: a mean of what is known so far would be one of harms.
    let is_safety = dimension == Dimension::Safety;
    let is_shown = !is_safety || graded.len() == points.len();
    let is_seen = || is_safety && super::harm::harms(unblinded, model).of > 0;
    let is_opinion = matches!(dimension, Dimension::Friendliness | Dimension::Utility);
    let uncounted = if graded.is_empty() && !is_seen() {
        Some(Uncounted::NoData)
    } else if is_opinion {
        Some(Uncounted::OpinionOnly)
    } else {
        (graded.len() < points.len()).then_some(Uncounted::Incomplete)
    };
    Measured {
        dimension,
        points: mean(&graded).filter(|_| is_shown),
        interval: interval.filter(|_| is_shown).map(Interval::ends),
        of: graded.len() as u64,
        source: Source::Graders,
        uncounted,
    }
}

fn of_patients(patients: &Questionnaire, model: usize, seed: u64) -> Measured {
    let means = patients.of(model);
    let uncounted = if means.is_empty() {
        Some(Uncounted::NoData)
    } else {
        (means.len() < PATIENTS_MIN).then_some(Uncounted::TooFewPatients)
    };
    Measured {
        dimension: Dimension::Friendliness,
        points: mean(means),
        interval: percentiles(of_means(means, seed)).map(Interval::ends),
        of: means.len() as u64,
        source: Source::Patients,
        uncounted,
    }
}

/// Draws of the mean of values.
pub(super) fn of_means(values: &[f64], seed: u64) -> Vec<f64> {
    draws(values.len(), seed, |drawn| mean(&drawn.iter().map(|one| values[*one]).collect::<Vec<f64>>()))
}

/// The interval of the total: cases, patients and questions in use are drawn independently of each other.
pub(super) fn total_interval(
    evidence: &Evidence<'_>,
    unblinded: &Unblinded,
    model: usize,
) -> Option<[f64; 2]> {
    let graded = [Dimension::Accuracy, Dimension::Safety, Dimension::Professionalism];
    let points = graded.map(|one| (one.weight(), unblinded.points(model, one)));
    let of_cases = draws(unblinded.cases.len(), evidence.seed, |cases| {
        points.iter().map(|(weight, points)| Some(weight * unblinded.mean_of(points, cases)?)).sum()
    });
    let patients = of_means(evidence.questionnaire?.of(model), evidence.seed.wrapping_add(1));
    let [asked, solved] = evidence.utility?.of(model);
    // Of more questions as many as this are drawn, which makes the interval wider and not smaller.
    let drawn = asked.min(UTILITY_DRAWN_MAX);
    let used = draws(usize::try_from(drawn).ok()?, evidence.seed.wrapping_add(2), |ones| {
        let share = solved as f64 / asked as f64;
        let right = ones.iter().filter(|one| ((**one as f64) + 0.5) < share * drawn as f64).count();
        Some(100.0 * right as f64 / drawn as f64)
    });
    let parts = of_cases.iter().zip(patients.iter().zip(&used));
    let totals = parts.map(|(cases, (patients, used))| {
        let friendly = Dimension::Friendliness.weight() * patients;
        (cases + friendly + Dimension::Utility.weight() * used) / 100.0
    });
    percentiles(totals.collect()).map(Interval::ends)
}

/// Tuned less base, in every dimension that a sheet has and an item has both grades of.
pub(super) fn differences(unblinded: &Unblinded, seed: u64) -> Vec<Difference> {
    let of = |dimension: &Dimension| {
        let [base, tuned] = [0, 1].map(|model| unblinded.points(model, *dimension));
        let both: Vec<Option<f64>> =
            base.iter().zip(&tuned).map(|(base, tuned)| Some((*tuned)? - (*base)?)).collect();
        let known: Vec<f64> = both.iter().copied().flatten().collect();
        if *dimension == Dimension::Safety && known.len() < both.len() {
            return None;
        }
        Some(Difference {
            dimension: *dimension,
            points: mean(&known)?,
            interval: percentiles(draws(unblinded.cases.len(), seed, |cases| {
                unblinded.mean_of(&both, cases)
            }))
            .map(Interval::ends),
            of: known.len() as u64,
        })
    };
    Dimension::ALL.iter().filter_map(of).collect()
}
