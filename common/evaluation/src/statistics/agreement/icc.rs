//! Intraclass correlations of two-way random effects, absolute agreement: of one grader, and of the mean of
//! all. Called by `review`. Source: Shrout and Fleiss 1979, ICC(2,1) and ICC(2,k). Invariant: only answers
//! that every grader graded count.

use serde::Serialize;

use super::ratings::Ratings;

/// Both coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Icc {
    /// ICC(2,1): how reliable one grader's grade is.
    pub single: f64,
    /// ICC(2,k): how reliable the mean of all graders is.
    pub mean: f64,
    /// How many answers every grader graded.
    pub answers: usize,
}

/// The coefficients, with the categories as numbers. Nothing with fewer than two graders or two answers that
/// all graded, or without any spread.
#[must_use]
pub fn icc(ratings: &Ratings) -> Option<Icc> {
    let complete = |row: &Vec<Option<usize>>| row.iter().map(|grade| grade.map(|it| it as f64)).collect();
    let rows: Vec<Vec<f64>> = ratings.rows().iter().filter_map(complete).collect();
    let raters = ratings.raters();
    if raters < 2 || rows.len() < 2 {
        return None;
    }
    let (n, k) = (rows.len() as f64, raters as f64);
    let mean_of_row = |row: &Vec<f64>| row.iter().sum::<f64>() / k;
    let of_raters: Vec<f64> =
        (0..raters).map(|rater| rows.iter().map(|row| row[rater]).sum::<f64>() / n).collect();
    let grand = of_raters.iter().sum::<f64>() / k;
    let rows_spread = k * rows.iter().map(|row| (mean_of_row(row) - grand).powi(2)).sum::<f64>();
    let raters_spread = n * of_raters.iter().map(|mean| (mean - grand).powi(2)).sum::<f64>();
    let residual = |row: &Vec<f64>| {
        let own = mean_of_row(row);
        row.iter().zip(&of_raters).map(|(grade, rater)| (grade - own - rater + grand).powi(2)).sum::<f64>()
    };
    let between_rows = rows_spread / (n - 1.0);
    let between_raters = raters_spread / (k - 1.0);
    let error = rows.iter().map(residual).sum::<f64>() / ((n - 1.0) * (k - 1.0));
    let above = between_rows - error;
    let beneath = [
        between_rows + (k - 1.0) * error + k * (between_raters - error) / n,
        between_rows + (between_raters - error) / n,
    ];
    let [single, mean] = beneath.map(|beneath| above / beneath);
    (beneath.iter().all(|beneath| *beneath > 0.0) && single.is_finite() && mean.is_finite()).then_some(Icc {
        single,
        mean,
        answers: rows.len(),
    })
}
