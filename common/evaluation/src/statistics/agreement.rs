//! How far several people who graded the same answers agree, beyond what chance would do. Called by `review`.
//! Sources: Cohen 1968 (weighted kappa); Gwet 2008 and 2014 (AC1, AC2); Krippendorff 2011 (alpha); Shrout and
//! Fleiss 1979 (ICC).
//!
//! Invariants: a grade that is missing stays missing; what is not defined (no pair of grades, no spread where
//! the formula divides by it) is `None` and never NaN. Kappa and alpha collapse where nearly every grade is
//! the same, Gwet's coefficients do not: show both.

mod gwet;
mod icc;
mod kappa;
mod krippendorff;
mod ratings;
mod weights;

#[cfg(test)]
mod tests;

pub use self::gwet::gwet;
pub use self::icc::{Icc, icc};
pub use self::kappa::kappa;
pub use self::krippendorff::{Metric, krippendorff};
pub use self::ratings::Ratings;
pub use self::weights::Weights;
