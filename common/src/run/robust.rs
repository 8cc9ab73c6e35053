//! How updates are combined so that one that is far from the others does little: `robust` of `[aggregation]`.
//! Used by `aggregation`, which fills the numbers in; the coordinator's `aggregate` does what [`RobustRule`]
//! says, a site's terms name it. Invariant: a rule has no default left.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Flower and NVFlare name them so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Robust {
    /// The weighted mean as it is.
    #[default]
    None,
    /// The weighted mean of changes that are no larger than the median of all changes.
    Clip,
    /// Element by element the median.
    Median,
    /// Element by element the mean without the smallest and the largest values.
    TrimmedMean,
}

impl Robust {
    /// As a run file has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Clip => "clip",
            Self::Median => "median",
            Self::TrimmedMean => "trimmed-mean",
        }
    }

    /// Whether it needs not be written.
    pub(super) fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// A robust rule with every default filled in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RobustRule {
    /// Each change d of the last adapter becomes `d min(1, M / |d|)`, M the median of the changes' norms
    /// (Sun et al. 2019, "Can you really backdoor federated learning?", with a bound from the round itself).
    Clip,
    /// The coordinate-wise median (Yin et al. 2018); of an even number the mean of the two in the middle.
    Median,
    /// The coordinate-wise trimmed mean (Yin et al. 2018): of n values the smallest `floor(share n)` and as
    /// many of the largest are left out.
    TrimmedMean {
        /// Left out at each end, above 0 and below one half.
        share: f64,
    },
}

impl fmt::Display for RobustRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clip => formatter.write_str("clip to the median norm"),
            Self::Median => formatter.write_str("median"),
            Self::TrimmedMean { share } => write!(formatter, "trimmed mean, {share} at each end"),
        }
    }
}
