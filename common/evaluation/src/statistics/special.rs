//! The incomplete beta function and its inverse, in f64. Used by the exact intervals and tests. Invariant:
//! for the counts of a test set (up to 100,000) the results hold to about ten digits.
//!
//! Sources: Lanczos' approximation of ln Γ with g = 7 and nine terms (Godfrey's coefficients); the continued
//! fraction of the incomplete beta function, DLMF 8.17.22, by Lentz's method.

use std::f64::consts::PI;

/// Quantile of the standard normal distribution at 0.975.
pub(super) const Z_975: f64 = 1.959_963_984_540_054;
/// Quantile of the standard normal distribution at 0.8.
pub(super) const Z_80: f64 = 0.841_621_233_572_914_3;
const LANCZOS: [f64; 9] = [
    0.999_999_999_999_809_9,
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];
/// The fraction converges in about sqrt(max(a, b)) steps: 320 at 100,000.
const STEPS: u32 = 10_000;
/// Halvings of the unit interval: f64 has 53 bits, more near 0.
const HALVINGS: u32 = 200;
const TINY: f64 = 1e-300;

/// Of `x` from 0.5 on: counts and their halves.
fn ln_gamma(x: f64) -> f64 {
    let x = x - 1.0;
    let t = x + 7.5;
    let series: f64 =
        LANCZOS[0] + (1..9_u32).zip(&LANCZOS[1..]).map(|(i, c)| c / (x + f64::from(i))).sum::<f64>();
    0.5 * (2.0 * PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
}

/// The regularised incomplete beta function `I_x(a, b)`, for positive `a` and `b`.
pub(super) fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges fast on one side of the mean only; the other is its mirror image.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for step in 1..STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            value *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// The `x` with `I_x(a, b) = share`.
pub(super) fn beta_quantile(share: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if beta(middle, a, b) < share { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// P(X <= k) of a binomial variable with `n` draws of probability 1/2.
pub(super) fn fair_coin_at_most(k: u64, n: u64) -> f64 {
    if k >= n { 1.0 } else { beta(0.5, (n - k) as f64, k as f64 + 1.0) }
}

/// P(X = k) of the same.
pub(super) fn fair_coin_exactly(k: u64, n: u64) -> f64 {
    let (k, n) = (k as f64, n as f64);
    (ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0) - n * 2.0_f64.ln()).exp()
}
