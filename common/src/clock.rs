//! Time as an argument. Pure cores take a [`Timestamp`]; shells ask a [`Clock`].
//!
//! Used by both binaries: whatever they time or date asks the clock they were given.
//! Invariant: the machine's clock is read in this file only (clippy's disallowed methods keep it so).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
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

    /// As RFC 3339 writes it, in UTC and to the second: `2026-11-29T08:00:00Z`; a dash beyond the year 9999.
    /// Every time that a command prints or writes for people or programs has this form.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let (days, seconds) = (self.0 / 86_400_000, self.0 / 1000 % 86_400);
        // Howard Hinnant's civil_from_days: years from March, in eras of 400 years.
        let shifted = days + 719_468;
        let (era, day) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = era * 400 + year_of_era + carry;
        if year > 9999 {
            return "-".to_owned();
        }
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// The same to the millisecond, for logs: lines of several processes are put in one order by it.
    #[must_use]
    pub fn rfc3339_ms(self) -> String {
        let text = self.rfc3339();
        match text.strip_suffix('Z') {
            Some(second) => format!("{second}.{:03}Z", self.0 % 1000),
            None => text,
        }
    }

    /// Whole seconds since 1970.
    pub fn unix_s(self) -> i64 {
        i64::try_from(self.0 / 1000).unwrap_or(i64::MAX)
    }
}

impl From<SystemTime> for Timestamp {
    /// 0 for a time before 1970.
    fn from(time: SystemTime) -> Self {
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(Timestamp(ms): Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_millis(ms)
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
        crate::time_lapse::at(SystemTime::now())
    }
}

/// So that certificates are judged by the clock that everything else goes by.
impl rustls::time_provider::TimeProvider for SystemClock {
    fn current_time(&self) -> Option<UnixTime> {
        self.system_time().duration_since(UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
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

    #[test]
    fn times_have_one_form_in_utc() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_999, "2000-02-28T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_700_000_000_999, "2023-11-14T22:13:20Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59Z"),
            (253_402_300_800_000, "-"),
            (u64::MAX, "-"),
        ] {
            assert_eq!(Timestamp(ms).rfc3339(), text, "{ms}");
        }
        assert_eq!(Timestamp(1_700_000_000_009).rfc3339_ms(), "2023-11-14T22:13:20.009Z");
        assert_eq!(Timestamp(u64::MAX).rfc3339_ms(), "-");
    }
}
