//! Bytes of updates that left in the last 24 hours, by the minute. Used by `gateway::ledger`, which adds
//! every record that it reads and writes, so that a restart forgets nothing. Pure. Invariants: a chunk counts
//! for at least 24 hours, and for a minute more at most; there are so many entries as a day has minutes, and
//! two.

use std::collections::VecDeque;

use common::ledger::{Kind, Record};

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u64 = 24 * 60;

/// Minutes since 1970 with what left in each, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Day(VecDeque<(u64, u64)>);

impl Day {
    /// Counts a record of the ledger, the newest so far.
    pub(super) fn add(&mut self, record: &Record) {
        if record.kind != Kind::Chunk {
            return;
        }
        let minute = record.time_ms / MINUTE_MS;
        match self.0.back_mut() {
            Some((newest, bytes)) if *newest >= minute => *bytes = bytes.saturating_add(record.length),
            _ => self.0.push_back((minute, record.length)),
        }
        while self.0.front().is_some_and(|(oldest, _)| oldest + DAY_MINUTES < minute) {
            self.0.pop_front();
        }
    }

    /// What left in the 24 hours before now.
    pub(super) fn bytes(&self, now_ms: u64) -> u64 {
        let minute = now_ms / MINUTE_MS;
        let counted = self.0.iter().filter(|(then, _)| then + DAY_MINUTES >= minute);
        counted.fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes))
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
            day.add(&record(kind, time_ms, length));
        }
        assert_eq!((day.0.len(), day.bytes(MINUTE_MS)), (2, 111));
        assert_eq!(day.bytes(DAY_MS + MINUTE_MS - 1), 111);
        assert_eq!(day.bytes(DAY_MS + MINUTE_MS), 1);
        assert_eq!(day.bytes(DAY_MS + 2 * MINUTE_MS), 0);
    }

    #[test]
    fn years_of_chunks_take_no_more_room_than_a_day() {
        let mut day = Day::default();
        (0..5 * DAY_MINUTES).for_each(|minute| day.add(&record(Kind::Chunk, minute * MINUTE_MS, 1)));
        assert!(day.0.len() as u64 <= DAY_MINUTES + 2, "{}", day.0.len());
        assert_eq!(day.bytes((5 * DAY_MINUTES - 1) * MINUTE_MS), DAY_MINUTES + 1);
    }
}
