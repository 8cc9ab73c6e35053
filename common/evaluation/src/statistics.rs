//! What can be said of a score, and of the difference of two scores on the same items. Called by `compare`.
//! Pure functions of counts and differences; no clock, no file, and no randomness but a seed.
//!
//! Vectors in the tests were computed with scipy and are met to the printed digits. Invariant: every share is
//! a number from 0 to 1, and every interval holds its own estimate.

pub mod agreement;
mod bootstrap;
mod holm;
mod interval;
mod paired;
mod proportion;
mod special;

#[cfg(test)]
mod tests;

pub(crate) use self::bootstrap::below;
pub use self::bootstrap::{Cluster, adjusted, bootstrap, draws, percentiles};
pub use self::holm::holm;
pub use self::interval::Interval;
pub use self::paired::{Discordant, smallest_gain};
pub use self::proportion::{clopper_pearson, no_event_bound, wilson};
