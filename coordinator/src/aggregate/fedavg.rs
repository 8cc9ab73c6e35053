//! Weighted FedAvg of one panel: sum p_i x_i in f64, in the order given (site order), rounded once to
//! f32. Called by `aggregate`. Invariant: the same panels and weights give the same bytes.

use common::run::Weighting;

/// The n_i of a site whose update was trained on so many records, under a run's weighting.
#[must_use]
pub fn parts(weighting: Weighting, records: u64) -> u64 {
    match weighting {
        Weighting::Records => records,
        Weighting::Uniform => 1,
    }
}

/// The weights p_i = n_i / sum n; `None` if there is nothing to divide by.
pub(super) fn weights(records: &[u64]) -> Option<Vec<f64>> {
    let total: u128 = records.iter().map(|&count| u128::from(count)).sum();
    // Counts are far below 2^53, so the conversions are exact.
    (total > 0).then(|| records.iter().map(|&count| count as f64 / total as f64).collect())
}

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
    fn weights_are_shares_of_the_records() {
        assert_eq!(weights(&[100, 300]), Some(vec![0.25, 0.75]));
        assert_eq!(weights(&[0, 0]), None);
        assert_eq!(weights(&[]), None);
        let large = weights(&[u64::MAX, u64::MAX]).unwrap();
        assert_eq!(large, [0.5, 0.5]);
    }

    #[test]
    fn a_run_may_weigh_all_sites_alike() {
        let weighed = |weighting| weights(&[100, 300].map(|records| parts(weighting, records)));
        assert_eq!(weighed(Weighting::Records), Some(vec![0.25, 0.75]));
        assert_eq!(weighed(Weighting::Uniform), Some(vec![0.5, 0.5]));
    }

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
