//! Two models on the same items, each right or wrong: what the items on which they disagree say. Called by
//! `compare`. Sources: McNemar 1947; mid-p after Fagerland, Lydersen and Laake 2013.

use super::special::{Z_80, Z_975, fair_coin_at_most, fair_coin_exactly};

/// Counts of items on which two models disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discordant {
    /// Wrong before, right now.
    pub better: u64,
    /// Right before, wrong now.
    pub worse: u64,
}

impl Discordant {
    fn all(self) -> u64 {
        self.better + self.worse
    }

    /// McNemar's exact two-sided p: `min(1, 2 P(X <= min(b, c)))`, X binomial of `b + c` fair coins.
    #[must_use]
    pub fn exact_p(self) -> f64 {
        (2.0 * fair_coin_at_most(self.better.min(self.worse), self.all())).min(1.0)
    }

    /// The exact p less the probability of just this outcome: not as conservative where they are few. 1 where
    /// the models disagree on nothing. Where as many became better as worse authors differ (Fagerland and
    /// others take half of that probability from 1); nothing is decided by it.
    #[must_use]
    pub fn mid_p(self) -> f64 {
        match self.all() {
            0 => 1.0,
            all => (self.exact_p() - fair_coin_exactly(self.better.min(self.worse), all)).max(0.0),
        }
    }
}

/// The smallest gain, as a share, that a paired comparison of `n` items sees with 80 % power at 5 %, when the
/// two models disagree on the share `disagreeing`: `(z_.975 + z_.8) sqrt(disagreeing / n)`.
#[must_use]
pub fn smallest_gain(n: u64, disagreeing: f64) -> f64 {
    if n == 0 { 1.0 } else { ((Z_975 + Z_80) * (disagreeing / n as f64).sqrt()).min(1.0) }
}
