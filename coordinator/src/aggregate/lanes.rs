//! Sums that a processor computes several at a time. Used by `mean` and `outliers`. Invariant: the order in
//! which the terms are added is fixed here and not by the processor, so that every machine gets the same
//! bits.

/// Partial sums that grow beside each other.
const LANES: usize = 8;

/// The sum of `term` over the pairs of two equally long slices.
pub(super) fn sum<A: Copy, B: Copy>(left: &[A], right: &[B], term: impl Fn(A, B) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..LANES {
            sums[lane] += term(left[lane], right[lane]);
        }
    }
    for (sum, (left, right)) in sums.iter_mut().zip(left_rest.iter().zip(right_rest)) {
        *sum += term(*left, *right);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_pair_is_counted_once() {
        for length in [0, 1, 7, 8, 9, 40, 41] {
            let values: Vec<f32> = (0..length).map(|value| value as f32).collect();
            let expected = (0..length).map(|value| f64::from(value * value)).sum::<f64>();
            let found = super::sum(&values, &values, |left, right| f64::from(left) * f64::from(right));
            assert_eq!(found, expected);
        }
    }
}
