//! Upper tails of two distributions, in f64: how often chance makes a statistic so large. Called by `drift`.
//! Invariant: between 0 and 1 for every finite statistic from 0 on.
//!
//! Sources: Kolmogorov's series; the incomplete gamma function by its series (DLMF 8.7.1) below its mean and
//! by its continued fraction (DLMF 8.9.2, Lentz's method) above, with ln Γ of halves by its recurrence.

use std::f64::consts::PI;

/// Terms of a series: both converge in far fewer; the gamma series takes some `10 sqrt(a)`.
const TERMS: u32 = 100_000;
const TINY: f64 = 1e-300;

/// `Q(λ) = 2 Σ (-1)^(j-1) exp(-2 j² λ²)`.
pub(super) fn kolmogorov_tail(lambda: f64) -> f64 {
    // Below this the tail is 1 to sixteen digits, and the series does not converge.
    if lambda < 0.2 {
        return 1.0;
    }
    let mut sum = 0.0;
    for j in 1..=TERMS {
        let j = f64::from(j);
        let term = (-2.0 * (j * lambda).powi(2)).exp();
        sum += if j % 2.0 == 1.0 { term } else { -term };
        if term < 1e-17 {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

/// The upper tail of chi-square with so many degrees of freedom, from one on.
pub(super) fn chi_square_tail(statistic: f64, degrees: u32) -> f64 {
    let (a, x) = (f64::from(degrees) / 2.0, statistic / 2.0);
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - ln_gamma_of_half(degrees)).exp();
    let tail = if x < a + 1.0 { 1.0 - front * series(a, x) } else { front * fraction(a, x) };
    tail.clamp(0.0, 1.0)
}

/// `ln Γ(degrees / 2)`, from Γ(1) = 1 and Γ(1/2) = √π.
fn ln_gamma_of_half(degrees: u32) -> f64 {
    let (start, from) = if degrees.is_multiple_of(2) { (0.0, 2) } else { (PI.ln() / 2.0, 1) };
    start + (from..degrees).step_by(2).map(|twice| (f64::from(twice) / 2.0).ln()).sum::<f64>()
}

fn series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for step in 1..TERMS {
        term *= x / (a + f64::from(step));
        sum += term;
        if term < sum * 1e-16 {
            break;
        }
    }
    sum
}

fn fraction(a: f64, x: f64) -> f64 {
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / away(b);
    let mut value = d;
    for step in 1..TERMS {
        let i = f64::from(step);
        let an = -i * (i - a);
        b += 2.0;
        d = 1.0 / away(an * d + b);
        c = away(b + an / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Quantiles of printed tables: 5 % and 1 % points of chi-square, and closed forms for even degrees.
    #[test]
    fn chi_square_has_the_values_of_tables() {
        for (statistic, degrees, expected) in [
            (3.841_458_820_694_124, 1, 0.05),
            (5.991_464_547_107_979, 2, 0.05),
            (18.307_038_053_275_146, 10, 0.05),
            (6.634_896_601_021_213, 1, 0.01),
            (10.0, 4, 6.0 * (-5.0_f64).exp()),
            (2.0, 6, 2.5 * (-1.0_f64).exp()),
            (0.0, 3, 1.0),
        ] {
            let found = chi_square_tail(statistic, degrees);
            assert!((found - expected).abs() < 1e-12, "{statistic} {degrees}: {found}");
        }
    }

    /// 0.27, 0.9639452436648751: the values of the limit distribution at 1 and 1/2; 1.358 is its 5 % point.
    #[test]
    fn kolmogorov_has_the_values_of_tables() {
        for (lambda, expected, within) in [
            (1.0, 0.269_999_671_677_354_56, 1e-14),
            (0.5, 0.963_945_243_664_875_1, 1e-12),
            (1.358_098_6, 0.05, 1e-6),
            (0.1, 1.0, 0.0),
        ] {
            let found = kolmogorov_tail(lambda);
            assert!((found - expected).abs() <= within, "{lambda}: {found}");
        }
    }

    proptest! {
        #[test]
        fn tails_are_shares_and_fall(statistic in 0.0..5_000.0_f64, more in 0.0..100.0_f64, degrees in 1..3_000_u32) {
            let (tail, further) = (chi_square_tail(statistic, degrees), chi_square_tail(statistic + more, degrees));
            prop_assert!((0.0..=1.0).contains(&tail) && further <= tail + 1e-9, "{tail} {further}");
            let (tail, further) = (kolmogorov_tail(statistic / 100.0), kolmogorov_tail((statistic + more) / 100.0));
            prop_assert!((0.0..=1.0).contains(&tail) && further <= tail + 1e-9);
        }
    }
}
