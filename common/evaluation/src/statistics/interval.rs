//! An interval, as every file here returns it. Used by `statistics`. Invariant: `low` is not above `high`.

/// An interval of shares or of differences.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}
