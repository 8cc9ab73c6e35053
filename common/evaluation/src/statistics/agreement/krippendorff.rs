//! Krippendorff's alpha of any number of graders, with grades missing. Called by `review`. Source:
//! Krippendorff 2011, "Computing Krippendorff's alpha-reliability". Invariant: an answer with fewer than two
//! grades is not pairable and does not count.

use super::ratings::Ratings;

/// How far apart two categories are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// 0 where they are equal, else 1.
    Nominal,
    /// The square of the number of grades between them, `(sum of n_g from c to k - (n_c + n_k) / 2)^2`.
    Ordinal,
    /// The square of their difference.
    Interval,
}

/// `1 - D_o / D_e` on the coincidence matrix. Nothing without a pair of grades, or where all of them are of
/// one category.
#[must_use]
pub fn krippendorff(ratings: &Ratings, metric: Metric) -> Option<f64> {
    let k = ratings.categories();
    let mut coincidences = vec![vec![0.0; k]; k];
    for row in ratings.rows() {
        let counts = ratings.counts(row);
        let grades = counts.iter().sum::<f64>();
        if grades < 2.0 {
            continue;
        }
        for (i, first) in counts.iter().enumerate() {
            for (j, second) in counts.iter().enumerate() {
                let others = if i == j { second - 1.0 } else { *second };
                coincidences[i][j] += first * others / (grades - 1.0);
            }
        }
    }
    let totals: Vec<f64> = coincidences.iter().map(|row| row.iter().sum()).collect();
    let n = totals.iter().sum::<f64>();
    let (mut observed, mut expected) = (0.0, 0.0);
    for (i, row) in coincidences.iter().enumerate() {
        for (j, together) in row.iter().enumerate() {
            let distance = metric.distance(i, j, &totals);
            observed += together * distance;
            expected += totals[i] * totals[j] * distance;
        }
    }
    (expected > 0.0).then(|| 1.0 - (n - 1.0) * observed / expected)
}

impl Metric {
    fn distance(self, i: usize, j: usize, totals: &[f64]) -> f64 {
        match self {
            Self::Nominal => f64::from(u8::from(i != j)),
            Self::Ordinal => {
                let between = totals[i.min(j)..=i.max(j)].iter().sum::<f64>();
                (between - f64::midpoint(totals[i], totals[j])).powi(2)
            }
            Self::Interval => (i.abs_diff(j) as f64).powi(2),
        }
    }
}
