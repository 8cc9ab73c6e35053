//! Holm's correction for several comparisons (Holm 1979). Called by `compare`.

/// The corrected p of each, in the order given; of the smallest `p` of m it is `m p`, of the next `(m - 1)
/// p`, never smaller than the one before and never above 1.
#[must_use]
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut corrected = vec![0.0; values.len()];
    let mut before: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        before = before.max((values.len() - rank) as f64 * values[index]).min(1.0);
        corrected[index] = before;
    }
    corrected
}
