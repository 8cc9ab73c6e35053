//! Weighted FedAvg of one panel: sum p_i x_i in f64, in the order given (site order), rounded once to
//! f32. Called by `aggregate`. Invariant: the same panels and weights give the same bytes.

/// The weighted mean of equally long panels, in panel order.
pub(super) fn mean(panels: &[Vec<f32>], p: &[f64]) -> Vec<f32> {
    let mut sums = vec![0.0_f64; panels.first().map_or(0, Vec::len)];
    for (panel, &weight) in panels.iter().zip(p) {
        for (sum, &value) in sums.iter_mut().zip(panel) {
            *sum += weight * f64::from(value);
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_taken_in_f64() {
        // In f32, 1 + 2^-24 is 1: the small term would be lost before the large ones cancel.
        let tiny = 2.0_f32.powi(-24);
        let panels = vec![vec![1.0], vec![tiny], vec![-1.0]];
        let third = 1.0 / 3.0;
        let mean = mean(&panels, &[third, third, third]);
        assert!((f64::from(mean[0]) - f64::from(tiny) / 3.0).abs() < 1e-14);
    }
}
