//! The numbers that `simulate` takes, each within bounds that a simulation can hold. Called by `simulate`,
//! for clap. Invariant: what is no number, negative, or beyond any machine is refused by name.

use std::ops::RangeInclusive;

use common::limits::{ADAPTER_BYTES_MAX, ROUND_DEADLINE_S_MAX};

use crate::limits::{SIMULATED_NUMBER_MIN, SIMULATED_SPEED_MAX, SIMULATED_SPREAD_MAX};

fn within(text: &str, range: RangeInclusive<f64>, unit: &str) -> Result<f64, String> {
    let number: f64 = text.trim().parse().map_err(|_| format!("`{text}` is not a number"))?;
    // What is no number is in no range.
    if range.contains(&number) {
        return Ok(number);
    }
    Err(format!("it must be between {} and {}{unit}", range.start(), range.end()))
}

/// MB of an update.
pub(super) fn megabytes(text: &str) -> Result<f64, String> {
    within(text, SIMULATED_NUMBER_MIN..=(ADAPTER_BYTES_MAX / 1_000_000) as f64, " MB")
}

/// The speed of a line.
pub(super) fn mbit(text: &str) -> Result<f64, String> {
    within(text, SIMULATED_NUMBER_MIN..=SIMULATED_SPEED_MAX, " Mbit/s")
}

/// The speed of an average.
pub(super) fn mb_s(text: &str) -> Result<f64, String> {
    within(text, SIMULATED_NUMBER_MIN..=SIMULATED_SPEED_MAX, " MB/s")
}

/// A training.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    within(text, SIMULATED_NUMBER_MIN..=ROUND_DEADLINE_S_MAX as f64, " s")
}

/// A measurement.
pub(super) fn at_least_0(text: &str) -> Result<f64, String> {
    within(text, 0.0..=ROUND_DEADLINE_S_MAX as f64, " s")
}

/// The standard deviation of a logarithm.
pub(super) fn spread(text: &str) -> Result<f64, String> {
    within(text, 0.0..=SIMULATED_SPREAD_MAX, "")
}

/// `5%` or `0.05`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let found = match text.trim().strip_suffix('%') {
        Some(percent) => within(percent, 0.0..=100.0, " %").map(|percent| percent / 100.0),
        None => within(text, 0.0..=1.0, ""),
    };
    found.map_err(|reason| format!("{reason}; write 5% or 0.05"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages_or_fractions() {
        assert_eq!((share("5%"), share("0.05"), share(" 100 %")), (Ok(0.05), Ok(0.05), Ok(1.0)));
        for bad in ["5", "-1%", "101%", "nan%", "NaN", "", "%", "x", "inf"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_sensible_number_is_refused() {
        for of in [megabytes, mbit, mb_s, seconds, spread] {
            for bad in ["NaN", "-1", "inf", "1e300", "-0.5", "", "ten", "0x10"] {
                assert!(of(bad).is_err(), "{bad}");
            }
        }
        assert!([megabytes, mbit, mb_s, seconds].iter().all(|of| of("0").is_err() && of("1.5") == Ok(1.5)));
        assert_eq!((spread("0"), at_least_0("0")), (Ok(0.0), Ok(0.0)));
    }
}
