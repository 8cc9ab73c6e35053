//! Numbers that may leave a site: coarse on purpose, so that they cannot carry a record. Constructed at the
//! site from exact values; the coordinator only ever sees these. Used by `message` and the site agent's
//! egress.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits::{COUNT_MAX, LOSS_NATS_MAX};

/// Counts are rounded to this many significant decimal digits before they leave a site.
const COUNT_SIGNIFICANT_DIGITS: u32 = 2;

/// A count rounded to two significant decimal digits (775 becomes 780), at most [`COUNT_MAX`]; small counts
/// stay exact. A larger one cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Default)]
pub struct RoundedCount(u64);

impl<'de> Deserialize<'de> for RoundedCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u64::deserialize(deserializer)?;
        if value <= COUNT_MAX { Ok(Self(value)) } else { Err(de::Error::custom("a count is too large")) }
    }
}

impl RoundedCount {
    /// Rounds half up; what is larger than [`COUNT_MAX`] becomes it.
    pub fn of(exact: u64) -> Self {
        let exact = exact.min(COUNT_MAX);
        let mut unit = 1_u64;
        while exact / unit >= 10_u64.pow(COUNT_SIGNIFICANT_DIGITS) {
            unit *= 10;
        }
        Self((exact / unit + u64::from(exact % unit * 2 >= unit && unit > 1)) * unit)
    }

    /// The rounded value.
    pub fn value(self) -> u64 {
        self.0
    }

    /// Whether the value is one that [`Self::of`] produces: the coordinator refuses others.
    pub fn is_canonical(self) -> bool {
        Self::of(self.0) == self
    }
}

/// A loss in nats per token as fixed point in units of 1/1000, between 0 and [`LOSS_NATS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct LossMilli(u32);

impl LossMilli {
    /// Rounds and clamps; not-a-number becomes the maximum.
    pub fn of(nats: f64) -> Self {
        let bounded = if nats.is_nan() { LOSS_NATS_MAX } else { nats.clamp(0.0, LOSS_NATS_MAX) };
        // Between 0 and 64,000 after the clamp.
        Self((bounded * 1000.0).round() as u32)
    }

    /// Nats per token.
    pub fn nats(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// Whether the value is within bounds: the coordinator refuses others.
    pub fn is_canonical(self) -> bool {
        f64::from(self.0) <= LOSS_NATS_MAX * 1000.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::codec;
    use super::*;

    #[test]
    fn counts_keep_two_digits() {
        for (exact, rounded) in
            [(0, 0), (7, 7), (99, 99), (404, 400), (775, 780), (802, 800), (1017, 1000), (995, 1000)]
        {
            assert_eq!(RoundedCount::of(exact).value(), rounded, "{exact}");
        }
        assert!(!RoundedCount(775).is_canonical());
    }

    #[test]
    fn a_count_is_bounded_where_it_is_made_and_where_it_is_read() {
        assert_eq!(RoundedCount::of(u64::MAX).value(), COUNT_MAX);
        let decode = |value: u64| codec::decode::<RoundedCount>(&codec::encode(&value).unwrap());
        assert_eq!(decode(COUNT_MAX).unwrap().value(), COUNT_MAX);
        for large in [COUNT_MAX + 1, 9_900_000_000_000_000_000, u64::MAX] {
            assert!(decode(large).is_err() && !RoundedCount(large).is_canonical(), "{large}");
        }
    }

    proptest! {
        #[test]
        fn rounding_is_idempotent_and_close(exact in 0_u64..1_000_000_000) {
            let rounded = RoundedCount::of(exact);
            prop_assert!(rounded.is_canonical());
            prop_assert!(rounded.value().abs_diff(exact) * 20 <= exact.max(1), "{exact} -> {rounded:?}");
        }

        #[test]
        fn losses_are_bounded(nats in proptest::num::f64::ANY) {
            let loss = LossMilli::of(nats);
            prop_assert!(loss.is_canonical());
            prop_assert!((0.0..=LOSS_NATS_MAX).contains(&loss.nats()));
        }
    }
}
