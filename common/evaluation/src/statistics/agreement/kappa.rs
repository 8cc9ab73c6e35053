//! Cohen's weighted kappa of two graders. Called by `review`. Source: Cohen 1968; scikit-learn's
//! `cohen_kappa_score`. Invariant: nothing where chance alone would agree completely.

use super::weights::Weights;

/// `(p_o - p_e) / (1 - p_e)`, with weighted agreement: `p_o` observed, `p_e` that of the two graders' own
/// shares. `pairs` are grades of the same answers, below `categories`. Nothing without a pair, with fewer
/// than two categories, or where both gave one and the same grade throughout.
#[must_use]
pub fn kappa(pairs: &[(usize, usize)], categories: usize, weights: Weights) -> Option<f64> {
    if pairs.is_empty() || categories < 2 || pairs.iter().any(|(a, b)| *a.max(b) >= categories) {
        return None;
    }
    let (mut first, mut second) = (vec![0_u64; categories], vec![0_u64; categories]);
    for (a, b) in pairs {
        first[*a] += 1;
        second[*b] += 1;
    }
    let n = pairs.len() as f64;
    let observed = pairs.iter().map(|(a, b)| 1.0 - weights.of(*a, *b, categories)).sum::<f64>() / n;
    let chance = (0..categories)
        .flat_map(|i| (0..categories).map(move |j| (i, j)))
        .map(|(i, j)| (1.0 - weights.of(i, j, categories)) * first[i] as f64 * second[j] as f64)
        .sum::<f64>()
        / (n * n);
    (chance > 0.0).then(|| 1.0 - observed / chance)
}
