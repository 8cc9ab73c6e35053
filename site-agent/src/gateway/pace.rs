//! The gateway's own pace against a coordinator that answers too fast, or oddly. Pure: the caller has the
//! clock and sleeps. Used by `agent_loop`.
//!
//! Invariants: two polls of which the first brought nothing are at least `POLL_INTERVAL_MS_MIN` apart, and
//! the more of them in a row the longer; pauses double, after refusals up to `PAUSE_MS_MAX`, after answers
//! that no honest coordinator gives up to `ODD_PAUSE_MS_MAX`; only an update that was newly acknowledged or
//! trained makes them short again, and the poll behind it is not waited for: each costs the coordinator a
//! round of a run that was agreed to.

use crate::limits::{ODD_PAUSE_MS_MAX, PAUSE_MS_MAX, PAUSE_MS_MIN, POLL_INTERVAL_MS_MIN};

/// What happened lately, in counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    polled_ms: Option<u64>,
    /// Polls in a row that were answered at once with nothing new.
    idle_polls: u32,
    /// Pauses in a row.
    pauses: u32,
    /// Odd answers since an update was last acknowledged.
    odd: u32,
}

impl Pace {
    /// How long to wait before a poll at `now_ms`; it counts as made after this wait.
    pub fn before_poll(&mut self, now_ms: u64) -> u64 {
        let interval = doubled(POLL_INTERVAL_MS_MIN, self.idle_polls, PAUSE_MS_MAX);
        let due_ms = self.polled_ms.map_or(now_ms, |polled| now_ms.max(polled + interval));
        self.polled_ms = Some(due_ms);
        due_ms - now_ms
    }

    /// A poll was answered at `now_ms`.
    pub fn polled(&mut self, now_ms: u64, is_news: bool) {
        let took_ms = self.polled_ms.map_or(0, |polled| now_ms.saturating_sub(polled));
        let was_at_once = took_ms < doubled(POLL_INTERVAL_MS_MIN, self.idle_polls, PAUSE_MS_MAX);
        self.idle_polls = if was_at_once && !is_news { self.idle_polls.saturating_add(1) } else { 0 };
        if !was_at_once {
            self.pauses = 0;
        }
    }

    /// The coordinator answered what no honest one does.
    pub fn odd(&mut self) {
        self.odd = self.odd.saturating_add(1);
    }

    /// Something was done that is done once.
    pub fn done(&mut self) {
        (self.pauses, self.odd, self.polled_ms) = (0, 0, None);
    }

    /// How long to pause before the next attempt.
    pub fn pause_ms(&mut self) -> u64 {
        let refused = doubled(PAUSE_MS_MIN, self.pauses, PAUSE_MS_MAX);
        self.pauses = self.pauses.saturating_add(1);
        if self.odd == 0 { refused } else { refused.max(doubled(PAUSE_MS_MIN, self.odd, ODD_PAUSE_MS_MAX)) }
    }
}

fn doubled(first_ms: u64, times: u32, longest_ms: u64) -> u64 {
    first_ms.saturating_mul(1 << times.min(30)).min(longest_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_that_are_answered_at_once_with_nothing_become_rare() {
        let (mut pace, mut now_ms, mut polls) = (Pace::default(), 0, 0);
        while now_ms < 24 * 3600 * 1000 {
            now_ms += pace.before_poll(now_ms);
            pace.polled(now_ms, false);
            polls += 1;
        }
        // 24 h of 15 s, and the first few.
        assert!((5_700..5_770).contains(&polls), "{polls} polls a day");
    }

    #[test]
    fn a_held_poll_and_a_new_round_are_asked_for_at_once() {
        let mut pace = Pace::default();
        assert_eq!(pace.before_poll(0), 0);
        pace.polled(20_000, false);
        assert_eq!(pace.before_poll(20_000), 0);
        pace.polled(20_001, true);
        assert_eq!(pace.before_poll(90_000), 0);
        pace.polled(90_001, false);
        assert_eq!(pace.before_poll(90_001), 1_999, "twice the interval after the poll before");
        pace.polled(92_001, true);
        pace.done();
        assert_eq!(pace.before_poll(92_050), 0, "behind an update that is acknowledged");
        assert_eq!(pace.before_poll(92_050), 1_000, "once");
    }

    #[test]
    fn pauses_grow_and_longer_after_odd_answers() {
        let mut pace = Pace::default();
        assert_eq!([0; 6].map(|_| pace.pause_ms()), [1000, 2000, 4000, 8000, 15_000, 15_000]);
        pace.done();
        let odd = [0; 12].map(|_| {
            pace.odd();
            pace.pause_ms()
        });
        assert_eq!(odd[..4], [2000, 4000, 8000, 16_000]);
        assert_eq!(odd[11], ODD_PAUSE_MS_MAX);
        // A poll that was held does not make an odd coordinator less odd.
        pace.before_poll(0);
        pace.polled(20_000, false);
        assert_eq!(pace.pause_ms(), ODD_PAUSE_MS_MAX);
        pace.done();
        assert_eq!(pace.pause_ms(), PAUSE_MS_MIN);
    }
}
