//! Gwet's AC1 (nominal weights) and AC2 of two or more graders, which hold where nearly every grade is the
//! same. Called by `review`. Source: Gwet 2014, chapters 3 and 4, as irrCAC computes it. Invariant: an answer
//! with one grade counts for how often grades are given, and not for agreement.

use super::ratings::Ratings;
use super::weights::Weights;

/// `(p_a - p_e) / (1 - p_e)` with `p_e = T_w / (k (k - 1)) sum pi (1 - pi)`, where `T_w` is the sum of all
/// weights and `pi` the mean share of a category. Nothing with fewer than two categories, or without an
/// answer that two graders graded.
#[must_use]
pub fn gwet(ratings: &Ratings, weights: Weights) -> Option<f64> {
    let k = ratings.categories();
    if k < 2 {
        return None;
    }
    let (mut agreed, mut several, mut graded) = (0.0, 0.0, 0.0);
    let mut shares = vec![0.0; k];
    for row in ratings.rows() {
        let counts = ratings.counts(row);
        let grades = counts.iter().sum::<f64>();
        if grades < 1.0 {
            continue;
        }
        graded += 1.0;
        shares.iter_mut().zip(&counts).for_each(|(share, count)| *share += count / grades);
        if grades < 2.0 {
            continue;
        }
        several += 1.0;
        for (i, count) in counts.iter().enumerate() {
            let near = counts.iter().enumerate().map(|(j, other)| weights.of(i, j, k) * other).sum::<f64>();
            agreed += count * (near - 1.0) / (grades * (grades - 1.0));
        }
    }
    if several < 1.0 {
        return None;
    }
    let all = (0..k).flat_map(|i| (0..k).map(move |j| weights.of(i, j, k))).sum::<f64>();
    let spread = shares.iter().map(|sum| sum / graded).map(|share| share * (1.0 - share)).sum::<f64>();
    let (observed, chance) = (agreed / several, all / (k * (k - 1)) as f64 * spread);
    (chance < 1.0).then(|| (observed - chance) / (1.0 - chance))
}
