//! Intervals of one share, and what it proves that something never happened. Called by `compare`.

use super::interval::Interval;
use super::special::{Z_975, beta_quantile};

/// Clopper and Pearson's exact 95 % interval of `hits` of `n`: never covers less than it says, and so is
/// wide. For rare events. `n` of 0 gives `[0, 1]`.
#[must_use]
pub fn clopper_pearson(hits: u64, n: u64) -> Interval {
    let (k, all) = (hits as f64, n as f64);
    Interval {
        low: if hits == 0 { 0.0 } else { beta_quantile(0.025, k, all - k + 1.0) },
        high: if hits >= n { 1.0 } else { beta_quantile(0.975, k + 1.0, all - k) },
    }
}

/// Wilson's 95 % score interval of `hits` of `n`: covers 95 % on average. For scores. `n` of 0 gives `[0,
/// 1]`.
#[must_use]
pub fn wilson(hits: u64, n: u64) -> Interval {
    if n == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (share, n, z2) = (hits as f64 / n as f64, n as f64, Z_975 * Z_975);
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_975 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // At 0 and n of n the ends are exactly 0 and 1, but for rounding.
    Interval { low: (centre - half).clamp(0.0, share), high: (centre + half).clamp(share, 1.0) }
}

/// What `n` cases without a single event prove, one-sided with 95 %: the share of events is below this,
/// `1 - 0.05^(1/n)`.
#[must_use]
pub fn no_event_bound(n: u64) -> f64 {
    if n == 0 { 1.0 } else { 1.0 - 0.05_f64.powf(1.0 / n as f64) }
}
