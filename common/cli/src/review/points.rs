//! How points are shown. Used by the review's report and by the gates of a release, so that both show one
//! number. Invariant: a number is never shown larger than it is.

/// Points from 0 to 100 with two digits behind the point: a gate that is missed by a hundredth is seen to be
/// missed.
#[must_use]
pub fn points(points: f64) -> String {
    // Down and not to the nearest, so that 89.999 is not shown as the 90 that it is not.
    format!("{:.2}", (100.0 * points + 1e-6).floor() / 100.0)
}
