//! How much of its records a site trains on in a round: `epochs` or `steps` of `[training]`. Used by
//! `training`; read by `prepare` and by a site's policy through `TrainingSettings::work`. Invariants: a whole
//! number is written as it always was, so that manifests of older versions keep their bytes; what was read is
//! written the same again.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::EPOCHS_MAX;

/// A pass in the unit of [`Epochs`]: fine enough for a thousandth of one, coarse enough that a third of one
/// has one spelling.
pub const PASS_MILLIONTHS: u64 = 1_000_000;

/// Passes over the records, a whole number or a fraction, to a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epochs {
    millionths: u64,
}

/// What a site does of its records in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalWork {
    /// So many passes over them.
    Epochs(Epochs),
    /// So many optimiser steps.
    Steps(u64),
}

impl Epochs {
    /// So many whole passes.
    #[must_use]
    pub const fn whole(passes: u32) -> Self {
        Self { millionths: passes as u64 * PASS_MILLIONTHS }
    }

    /// The nearest to a number of passes; `None` for what is no number of them.
    #[must_use]
    pub fn nearest(passes: f64) -> Option<Self> {
        let is_fine = (0.0..=f64::from(u32::MAX)).contains(&passes);
        is_fine.then(|| Self { millionths: (passes * PASS_MILLIONTHS as f64).round() as u64 })
    }

    /// Millionths of a pass.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.millionths
    }

    /// The passes, where they are a whole number.
    #[must_use]
    pub const fn as_whole(self) -> Option<u64> {
        if self.millionths.is_multiple_of(PASS_MILLIONTHS) {
            Some(self.millionths / PASS_MILLIONTHS)
        } else {
            None
        }
    }

    /// The passes.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.millionths as f64 / PASS_MILLIONTHS as f64
    }

    /// Whether a round may have so many.
    pub(super) fn is_in_bounds(self) -> bool {
        (PASS_MILLIONTHS / 1000..=u64::from(EPOCHS_MAX) * PASS_MILLIONTHS).contains(&self.millionths)
    }
}

impl fmt::Display for Epochs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.as_f64())
    }
}

impl fmt::Display for LocalWork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = |one, other, is_one: bool| if is_one { one } else { other };
        match self {
            Self::Epochs(epochs) => {
                write!(formatter, "{epochs} {}", unit("epoch", "epochs", *epochs == Epochs::whole(1)))
            }
            Self::Steps(steps) => write!(formatter, "{steps} {}", unit("step", "steps", *steps == 1)),
        }
    }
}

impl std::str::FromStr for Epochs {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().and_then(Self::nearest).ok_or("a number of passes, such as 3 or 0.25")
    }
}

impl Serialize for Epochs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_whole() {
            Some(passes) => serializer.serialize_u64(passes),
            None => serializer.serialize_f64(self.as_f64()),
        }
    }
}

impl<'de> Deserialize<'de> for Epochs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Self::nearest(number).ok_or_else(|| D::Error::custom("a number of passes is not below 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_written_as_it_always_was_and_a_fraction_as_it_was_read() {
        for (read, written) in [
            ("1", "1"),
            ("1.0", "1"),
            ("3", "3"),
            ("0.25", "0.25"),
            ("0.3333333333", "0.333333"),
            ("1.5", "1.5"),
        ] {
            let epochs: Epochs = serde_json::from_str(read).unwrap();
            assert_eq!(serde_json::to_string(&epochs).unwrap(), written);
            assert_eq!(serde_json::from_str::<Epochs>(written).unwrap(), epochs, "{read}");
            assert_eq!(read.parse::<Epochs>().unwrap(), epochs);
        }
        let words = |work: LocalWork| work.to_string();
        assert_eq!(words(LocalWork::Epochs(Epochs::whole(1))), "1 epoch");
        assert_eq!(words(LocalWork::Epochs(Epochs::nearest(0.25).unwrap())), "0.25 epochs");
        assert_eq!(words(LocalWork::Steps(20)), "20 steps");
        assert_eq!(Epochs::whole(3).to_string(), "3");
        assert_eq!(Epochs::nearest(0.25).unwrap().to_string(), "0.25");
        assert_eq!((Epochs::whole(2).as_whole(), Epochs::nearest(0.5).unwrap().as_whole()), (Some(2), None));
    }

    #[test]
    fn what_is_no_number_of_passes_is_refused() {
        for text in ["-1", "1e300", "\"one\""] {
            assert!(serde_json::from_str::<Epochs>(text).is_err(), "{text}");
        }
        for text in ["NaN", "inf", "-0.5", "many"] {
            assert!(text.parse::<Epochs>().is_err(), "{text}");
        }
    }
}
