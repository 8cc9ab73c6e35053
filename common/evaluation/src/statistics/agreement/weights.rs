//! How much of an agreement two different categories are. Used by `kappa` and `gwet`. Source: Cohen 1968; the
//! weights of irrCAC. Invariant: 1 for equal categories, never below 0, the same in both directions.

/// Which agreement counts in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// None: equal or not.
    Nominal,
    /// `1 - |i - j| / (k - 1)`.
    Linear,
    /// `1 - (i - j)^2 / (k - 1)^2`.
    Quadratic,
}

impl Weights {
    /// The weight of categories `i` and `j` of `k`; `k` is at least 2.
    pub(super) fn of(self, i: usize, j: usize, k: usize) -> f64 {
        let apart = i.abs_diff(j) as f64 / (k - 1) as f64;
        match self {
            Self::Nominal if i == j => 1.0,
            Self::Nominal => 0.0,
            Self::Linear => 1.0 - apart,
            Self::Quadratic => 1.0 - apart * apart,
        }
    }
}
