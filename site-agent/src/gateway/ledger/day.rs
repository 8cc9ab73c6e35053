//! Bytes of updates that left in the last 24 hours, by the minute. Used by `gateway::ledger`, which adds
//! every record that it reads and writes, so that a restart forgets nothing. Pure. Invariants: by the clock
//! that is handed in a chunk counts for at least 24 hours, and for a minute more at most; what a clock that
//! ran ahead left in the future counts as of the moment at which that is seen, so for a day more and not for
//! as long as the clock was ahead; there are so many entries as a day has minutes, and two.

use std::collections::VecDeque;

use common::ledger::{Kind, Record};

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u64 = 24 * 60;

/// Minutes since 1970 with what left in each, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Day(VecDeque<(u64, u64)>);

impl Day {
    /// Counts a record that is read from the ledger, the newest so far, or is written at that time by the
    /// clock, whatever time the ledger gives it.
    pub(super) fn add(&mut self, time_ms: u64, record: &Record) {
        if record.kind != Kind::Chunk {
            return;
        }
        let minute = time_ms / MINUTE_MS;
        self.pull(minute);
        self.count(minute, record.length);
        while self.0.front().is_some_and(|(oldest, _)| oldest + DAY_MINUTES < minute) {
            self.0.pop_front();
        }
    }

    /// What left in the 24 hours before now.
    pub(super) fn bytes(&mut self, now_ms: u64) -> u64 {
        let minute = now_ms / MINUTE_MS;
        self.pull(minute);
        let counted = self.0.iter().filter(|(then, _)| then + DAY_MINUTES >= minute);
        counted.fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// Brings what is in the future to this minute.
    fn pull(&mut self, minute: u64) {
        let mut ahead = None;
        while let Some((_, bytes)) = self.0.pop_back_if(|(then, _)| *then > minute) {
            ahead = Some(bytes.saturating_add(ahead.unwrap_or(0)));
        }
        if let Some(bytes) = ahead {
            self.count(minute, bytes);
        }
    }

    fn count(&mut self, minute: u64, more: u64) {
        match self.0.back_mut() {
            Some((newest, bytes)) if *newest == minute => *bytes = bytes.saturating_add(more),
            _ => self.0.push_back((minute, more)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = DAY_MINUTES * MINUTE_MS;

    fn record(kind: Kind, time_ms: u64, length: u64) -> Record {
        let [peer, sha256, previous] = [(); 3].map(|()| String::new());
        Record { sequence: 0, time_ms, peer, run: None, round: None, kind, length, sha256, previous }
    }

    #[test]
    fn chunks_count_for_a_day_and_other_frames_do_not() {
        let mut day = Day::default();
        for (kind, time_ms, length) in
            [(Kind::Chunk, 5, 100), (Kind::Commit, 6, 50), (Kind::Chunk, 7, 10), (Kind::Chunk, MINUTE_MS, 1)]
        {
            day.add(time_ms, &record(kind, time_ms, length));
        }
        assert_eq!((day.0.len(), day.bytes(MINUTE_MS)), (2, 111));
        assert_eq!(day.bytes(DAY_MS + MINUTE_MS - 1), 111);
        assert_eq!(day.bytes(DAY_MS + MINUTE_MS), 1);
        assert_eq!(day.bytes(DAY_MS + 2 * MINUTE_MS), 0);
    }

    #[test]
    fn years_of_chunks_take_no_more_room_than_a_day() {
        let mut day = Day::default();
        (0..5 * DAY_MINUTES).map(|minute| minute * MINUTE_MS).for_each(|time_ms| {
            day.add(time_ms, &record(Kind::Chunk, time_ms, 1));
        });
        assert!(day.0.len() as u64 <= DAY_MINUTES + 2, "{}", day.0.len());
        assert_eq!(day.bytes((5 * DAY_MINUTES - 1) * MINUTE_MS), DAY_MINUTES + 1);
    }

    /// A clock that ran ahead and was put right neither forgets what left nor holds the site for as long.
    #[test]
    fn what_stands_in_the_future_counts_for_a_day_from_when_that_is_seen() {
        let now_ms = 1000 * DAY_MS;
        let mut day = Day::default();
        day.add(now_ms, &record(Kind::Chunk, 0, 1));
        for (minute, bytes) in [(0, 10), (5, 100)] {
            let time_ms = now_ms + DAY_MS / 2 + minute * MINUTE_MS;
            day.add(time_ms, &record(Kind::Chunk, time_ms, bytes));
        }
        assert_eq!(day.bytes(now_ms), 111);
        // Written since: at the true time, whatever the ledger says, and after what was brought back.
        day.add(now_ms + MINUTE_MS, &record(Kind::Chunk, now_ms + 365 * DAY_MS, 1000));
        assert_eq!((day.bytes(now_ms + MINUTE_MS), day.0.len()), (1111, 2));
        assert_eq!(day.bytes(now_ms + DAY_MS + MINUTE_MS), 1000);
        assert_eq!(day.bytes(now_ms + DAY_MS + 2 * MINUTE_MS), 0);
    }
}
