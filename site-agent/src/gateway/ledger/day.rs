//! Bytes of updates that left in the last 24 hours, by the minute. Used by `gateway::ledger`, which adds
//! every record that it reads and writes, so that a restart forgets nothing. Pure.
//!
//! Invariants: a chunk counts for at least 24 hours, and while the clock goes as it should for a minute more
//! at most; a clock that is put back or forward between two looks makes nothing older than it is by more
//! than an hour;
//! what a ledger has in the future counts as of the first look; there are so many entries as a day has
//! minutes, and two.

use std::collections::VecDeque;

use common::ledger::{Kind, Record};

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u64 = 24 * 60;
/// By how much more than the steady clock the one on the wall may go on between two looks. A machine that
/// slept, or a clock that was put forward, makes what left count longer and never shorter.
const LEAP_MINUTES: u64 = 60;

/// Now, by two clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Milliseconds since 1970, by the clock on the wall.
    pub(super) wall_ms: u64,
    /// Milliseconds since this process began, by a clock that nobody puts forward or back.
    pub(super) steady_ms: u64,
}

/// Minutes since 1970 with what left in each, in order, and when it was looked last, in minutes by both
/// clocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Day {
    minutes: VecDeque<(u64, u64)>,
    looked: Option<(u64, u64)>,
}

impl Day {
    /// Counts a record that is read from the ledger, the newest so far, before the first look.
    pub(super) fn read(&mut self, record: &Record) {
        let minute = record.time_ms / MINUTE_MS;
        self.add(minute, record);
    }

    /// Counts a record that is written at this time by the clock, whatever time the ledger gives it.
    pub(super) fn write(&mut self, now: Moment, record: &Record) {
        let minute = self.look(now);
        self.add(minute, record);
    }

    /// What left in the 24 hours before now.
    pub(super) fn bytes(&mut self, now: Moment) -> u64 {
        let minute = self.look(now);
        let counted = self.minutes.iter().filter(|(then, _)| then + DAY_MINUTES >= minute);
        counted.fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    fn add(&mut self, minute: u64, record: &Record) {
        if record.kind != Kind::Chunk {
            return;
        }
        self.count(minute, record.length);
        while self.minutes.front().is_some_and(|(oldest, _)| oldest + DAY_MINUTES < minute) {
            self.minutes.pop_front();
        }
    }

    /// Takes what the clock on the wall leapt since the last look out of the ages of what is counted; returns
    /// this minute.
    fn look(&mut self, now: Moment) -> u64 {
        let (minute, steady) = (now.wall_ms / MINUTE_MS, now.steady_ms / MINUTE_MS);
        let Some((before, steady_before)) = self.looked.replace((minute, steady)) else {
            self.pull(minute);
            return minute;
        };
        let passed = steady.saturating_sub(steady_before).saturating_add(LEAP_MINUTES);
        let (back, leapt) =
            (before.saturating_sub(minute), minute.saturating_sub(before).saturating_sub(passed));
        if back > 0 || leapt > 0 {
            let moved = |then: u64| then.saturating_sub(back).saturating_add(leapt);
            self.minutes.iter_mut().for_each(|(then, _)| *then = moved(*then));
        }
        minute
    }

    /// Brings what is in the future to this minute.
    fn pull(&mut self, minute: u64) {
        let mut ahead = None;
        while let Some((_, bytes)) = self.minutes.pop_back_if(|(then, _)| *then > minute) {
            ahead = Some(bytes.saturating_add(ahead.unwrap_or(0)));
        }
        if let Some(bytes) = ahead {
            self.count(minute, bytes);
        }
    }

    fn count(&mut self, minute: u64, more: u64) {
        match self.minutes.back_mut() {
            Some((newest, bytes)) if *newest >= minute => *bytes = bytes.saturating_add(more),
            _ => self.minutes.push_back((minute, more)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = DAY_MINUTES * MINUTE_MS;
    const HOUR_MS: u64 = 60 * MINUTE_MS;

    /// By the wall; the steady clock has not gone on.
    fn at(wall_ms: u64) -> Moment {
        Moment { wall_ms, steady_ms: 0 }
    }

    fn record(kind: Kind, time_ms: u64, length: u64) -> Record {
        let [peer, sha256, previous] = [(); 3].map(|()| String::new());
        Record { sequence: 0, time_ms, peer, run: None, round: None, kind, length, sha256, previous }
    }

    /// What counts at the end of so many hours in which it is looked every hour.
    fn hours_later(day: &mut Day, from_ms: u64, hours: u64) -> u64 {
        (0..=hours).fold(0, |_, hour| day.bytes(at(from_ms + hour * HOUR_MS)))
    }

    #[test]
    fn chunks_count_for_a_day_and_other_frames_do_not() {
        let mut day = Day::default();
        for (kind, time_ms, length) in
            [(Kind::Chunk, 5, 100), (Kind::Commit, 6, 50), (Kind::Chunk, 7, 10), (Kind::Chunk, MINUTE_MS, 1)]
        {
            day.read(&record(kind, time_ms, length));
        }
        assert_eq!((day.minutes.len(), day.bytes(at(MINUTE_MS))), (2, 111));
        assert_eq!(hours_later(&mut day, MINUTE_MS, 23), 111);
        assert_eq!((day.bytes(at(DAY_MS)), day.bytes(at(DAY_MS + MINUTE_MS))), (111, 1));
        assert_eq!(day.bytes(at(DAY_MS + 2 * MINUTE_MS)), 0);
    }

    #[test]
    fn years_of_chunks_take_no_more_room_than_a_day() {
        let mut day = Day::default();
        (0..5 * DAY_MINUTES).map(|minute| minute * MINUTE_MS).for_each(|time_ms| {
            day.read(&record(Kind::Chunk, time_ms, 1));
        });
        assert!(day.minutes.len() as u64 <= DAY_MINUTES + 2, "{}", day.minutes.len());
        assert_eq!(day.bytes(at((5 * DAY_MINUTES - 1) * MINUTE_MS)), DAY_MINUTES + 1);
    }

    #[test]
    fn what_a_ledger_has_in_the_future_counts_for_a_day_from_the_first_look() {
        let now_ms = 1000 * DAY_MS;
        let mut day = Day::default();
        for (minute, bytes) in [(0, 10), (5, 100)] {
            day.read(&record(Kind::Chunk, now_ms + DAY_MS / 2 + minute * MINUTE_MS, bytes));
        }
        assert_eq!(day.bytes(at(now_ms)), 110);
        // Written since: at the true time, whatever the ledger says.
        day.write(at(now_ms + MINUTE_MS), &record(Kind::Chunk, now_ms + 365 * DAY_MS, 1000));
        assert_eq!(hours_later(&mut day, now_ms + MINUTE_MS, 23), 1110);
        assert_eq!(day.bytes(at(now_ms + DAY_MS)), 1110);
        assert_eq!(day.bytes(at(now_ms + DAY_MS + MINUTE_MS)), 1000);
        assert_eq!(day.bytes(at(now_ms + DAY_MS + 2 * MINUTE_MS)), 0);
    }

    /// A clock that is wrong for a moment, in either direction, neither empties the day nor fills it for
    /// long.
    #[test]
    fn a_step_of_the_clock_makes_nothing_old() {
        let now_ms = 1000 * DAY_MS;
        for wrong_ms in [0, now_ms - 2 * DAY_MS, now_ms - HOUR_MS, now_ms + 2 * DAY_MS, now_ms + 400 * DAY_MS]
        {
            let mut day = Day::default();
            day.write(at(now_ms), &record(Kind::Chunk, 0, 100));
            assert_eq!(
                (day.bytes(at(wrong_ms)), day.bytes(at(now_ms + MINUTE_MS))),
                (100, 100),
                "{wrong_ms}"
            );
            // While it is wrong a chunk leaves, too.
            day.write(at(wrong_ms), &record(Kind::Chunk, 0, 10));
            assert_eq!(day.bytes(at(now_ms + 2 * MINUTE_MS)), 110, "{wrong_ms}");
            assert_eq!(hours_later(&mut day, now_ms + 2 * MINUTE_MS, 20), 110, "{wrong_ms}");
            assert_eq!(hours_later(&mut day, now_ms + 20 * HOUR_MS, 8), 0, "{wrong_ms}");
        }
    }

    /// A coordinator that was out of reach for hours: nobody looked, and the time has passed all the same.
    #[test]
    fn time_passes_where_nobody_looks() {
        let now_ms = 1000 * DAY_MS;
        let mut day = Day::default();
        day.write(at(now_ms), &record(Kind::Chunk, 0, 100));
        let later = |hours: u64| Moment { wall_ms: now_ms + hours * HOUR_MS, steady_ms: hours * HOUR_MS };
        assert_eq!((day.bytes(later(23)), day.bytes(later(25))), (100, 0));
    }
}
