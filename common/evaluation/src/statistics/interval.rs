//! An interval, as every file here returns it. Used by `statistics`. Invariant: `low` is not above `high`.

/// An interval of shares or of differences.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Both ends, as a report has them.
    #[must_use]
    pub const fn ends(self) -> [f64; 2] {
        [self.low, self.high]
    }

    /// Of shares, in points from 0 to 100.
    #[must_use]
    pub fn in_points(self) -> Self {
        Self { low: 100.0 * self.low, high: 100.0 * self.high }
    }
}
