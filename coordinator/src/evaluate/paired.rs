//! Two models on the same records: by how much one is better, and how sure that is. Called by `child`, which
//! has the records' losses. Pure; the interval itself is drawn by `report`.
//!
//! The change is a ratio of two sums over the same records, so its standard error comes from each record's
//! difference to what the ratio lets expect (the delta method). It says how the number would move with other
//! questions of the same kind, and nothing of other seeds, sites or kinds of questions.

use crate::round::state::Paired;

/// Compares the losses of a model with those of the base model, a sum of nats for each record, in the same
/// order. Nothing where they cannot be compared: fewer than two records, or a base model without any loss.
pub fn compare(of_base: &[f64], of_model: &[f64]) -> Option<Paired> {
    let (before, after): (f64, f64) = (of_base.iter().sum(), of_model.iter().sum());
    let records = of_base.len();
    if records < 2 || of_model.len() != records || !before.is_finite() || !after.is_finite() || before <= 0.0
    {
        return None;
    }
    let ratio = after / before;
    let pairs = || of_base.iter().zip(of_model);
    let squares: f64 = pairs().map(|(before, after)| (after - ratio * before).powi(2)).sum();
    let spread = (squares * records as f64 / (records - 1) as f64).sqrt();
    Some(Paired {
        records: records as u64,
        better: pairs().filter(|(before, after)| after < before).count() as u64,
        change: ratio - 1.0,
        standard_error: spread / before,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_better_alike_on_all_records_is_surely_better() {
        let paired = compare(&[10.0, 20.0, 30.0], &[9.0, 18.0, 27.0]).unwrap();
        assert_eq!((paired.records, paired.better), (3, 3));
        assert!((paired.change + 0.1).abs() < 1e-12 && paired.standard_error < 1e-12);
    }

    #[test]
    fn records_that_disagree_widen_the_error() {
        let paired = compare(&[10.0, 10.0, 10.0, 10.0], &[5.0, 15.0, 5.0, 13.0]).unwrap();
        assert_eq!(paired.better, 2);
        assert!((paired.change + 0.05).abs() < 1e-12);
        // Differences to the mean of 9.5: -4.5, 5.5, -4.5, 3.5; their squares sum to 83; sqrt(83 * 4 / 3) /
        // 40.
        assert!((paired.standard_error - (83.0_f64 * 4.0 / 3.0).sqrt() / 40.0).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_compared_gives_nothing() {
        assert_eq!(compare(&[1.0], &[1.0]), None);
        assert_eq!(compare(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(compare(&[0.0, 0.0], &[1.0, 1.0]), None);
        assert_eq!(compare(&[f64::NAN, 1.0], &[1.0, 1.0]), None);
    }
}
