//! Time as an argument. Pure cores take a [`Timestamp`]; shells ask a [`Clock`].
//!
//! Used by both binaries: whatever they time or date asks the clock they were given.
//! Invariant: the machine's clock is read in this file only (clippy's disallowed methods keep it so).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This instant plus `duration_ms`, saturating.
    pub fn plus_ms(self, duration_ms: u64) -> Self {
        Self(self.0.saturating_add(duration_ms))
    }

    /// Milliseconds from `earlier` to this instant; 0 if the clock went backwards.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds since 1970.
    pub fn unix_s(self) -> i64 {
        i64::try_from(self.0 / 1000).unwrap_or(i64::MAX)
    }
}

/// Where a shell takes the time from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Now, for libraries that want the standard library's type (certificates).
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn system_time(self) -> SystemTime {
        SystemTime::now()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.system_time().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that never jumps: it reads the wall once, when it begins, and counts on from there. What runs
/// by it does not notice that somebody set the machine's clock. It stands still while the machine sleeps.
/// Clones share its time.
#[derive(Clone)]
pub struct SteadyClock {
    wall: Arc<dyn Clock>,
    begun: Arc<RwLock<(Timestamp, Instant)>>,
}

impl std::fmt::Debug for SteadyClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SteadyClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl SteadyClock {
    /// Begins at what `wall` says now, or at `not_before` if that is later.
    pub fn begin(wall: Arc<dyn Clock>, not_before: Timestamp) -> Self {
        let begun = (wall.now().max(not_before), Instant::now());
        Self { wall, begun: Arc::new(RwLock::new(begun)) }
    }

    /// Reads the wall once more, for a time when nothing runs by this clock.
    pub fn begin_anew(&self, not_before: Timestamp) {
        let begun = (self.wall.now().max(not_before), Instant::now());
        *self.begun.write().unwrap_or_else(PoisonError::into_inner) = begun;
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let (start, since) = *self.begun.read().unwrap_or_else(PoisonError::into_inner);
        start.plus_ms(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that a test moves by hand.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock standing at `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicU64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance_ms(&self, duration_ms: u64) {
        self.0.fetch_add(duration_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_clock_does_not_follow_a_jump_of_the_wall() {
        let wall = Arc::new(ManualClock::at(Timestamp(5_000)));
        let steady = SteadyClock::begin(Arc::clone(&wall) as Arc<dyn Clock>, Timestamp(0));
        wall.advance_ms(2 * 3_600_000);
        assert!((5_000..65_000).contains(&steady.now().0), "{:?}", steady.now());
        let clone = steady.clone();
        steady.begin_anew(Timestamp(0));
        assert!(clone.now() >= Timestamp(2 * 3_600_000), "read once more");
        let later = SteadyClock::begin(Arc::new(ManualClock::at(Timestamp(0))), Timestamp(7_000));
        assert!(later.now() >= Timestamp(7_000), "time does not run backwards over a restart");
    }
}
