//! Escrowed frames as files: one a day, each frame sealed for the privacy officer and found by its number in
//! the ledger. Called by `gateway::escrow`, which writes them, and by `ledger open` and `ledger escrow`,
//! cleared by `prune`.
//!
//! Invariants: a file is only appended to, and goes as a whole; a last entry that a crash tore is none;
//! nothing of a file is believed that the key does not open.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use common::clock::Timestamp;

use crate::limits::ESCROW_ENTRY_BYTES_MAX;

/// Number and length before each sealed frame.
pub const HEAD_BYTES: usize = 8 + 4;
const SUFFIX: &str = ".frames";
const DAY_MS: u64 = 86_400_000;

/// A day's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// `2026-11-30`, by this machine's clock, UTC; `2026-11-30-1` of a damaged file that was set aside.
    pub day: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Where a sealed frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The frame's number in the ledger.
    pub sequence: u64,
    at: u64,
    length: u32,
}

/// The day of a time, and its file's name.
#[must_use]
pub fn day_of(now_ms: u64) -> String {
    let text = Timestamp(now_ms).rfc3339();
    text.get(..10).unwrap_or(&text).to_owned()
}

/// Where a day's frames are.
#[must_use]
pub fn path_of(folder: &Path, day: &str) -> PathBuf {
    folder.join(format!("{day}{SUFFIX}"))
}

/// The days that there are, the oldest first; none where there is no folder.
///
/// # Errors
/// Those of reading the folder.
pub fn days(folder: &Path) -> io::Result<Vec<Day>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut days = Vec::new();
    for entry in entries {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let name = entry.file_name();
        let day = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).filter(|day| is_day(day));
        if let (Some(day), true) = (day, metadata.is_file()) {
            days.push(Day { day: day.to_owned(), path: entry.path(), bytes: metadata.len() });
        }
    }
    days.sort_by(|one, two| one.day.cmp(&two.day));
    Ok(days)
}

/// Where a damaged file of a day goes: the first such name that is free.
#[must_use]
pub fn path_aside(folder: &Path, day: &str) -> Option<PathBuf> {
    (1..=u32::MAX).map(|times| path_of(folder, &format!("{day}-{times}"))).find(|path| !path.exists())
}

/// The time from which days are counted: one wrong reading of the clock must not make all of them old. It is
/// at most a day after the newest day before the present one.
#[must_use]
pub fn counted_from(days: &[Day], now_ms: u64) -> u64 {
    let today = day_of(now_ms);
    let earlier = |day: &&Day| day.day.as_str() < today.as_str();
    let newest = days.iter().rev().find(earlier).and_then(|day| start_of(&day.day));
    newest.map_or(now_ms, |newest| now_ms.min(newest.saturating_add(DAY_MS)))
}

/// Days after tomorrow.
#[must_use]
pub fn misdated(days: &[Day], now_ms: u64) -> Vec<Day> {
    let last = day_of(now_ms.saturating_add(2 * DAY_MS));
    days.iter().filter(|day| day.day >= last).cloned().collect()
}

/// Milliseconds since 1970 when a day begins; `None` for a day that no calendar has.
fn start_of(day: &str) -> Option<u64> {
    let part = |from, to| day.get(from..to).and_then(|digits| digits.parse::<u64>().ok());
    let (year, month, date) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    // Howard Hinnant's days_from_civil: years from March, in eras of 400 years.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = ((153 * month + 2) / 5 + date).checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let start_ms = (era * 146_097 + day_of_era).checked_sub(719_468)? * DAY_MS;
    day.starts_with(&day_of(start_ms)).then_some(start_ms)
}

/// Those among the days that are older than the rule.
#[must_use]
pub fn overdue(days: &[Day], keep_days: u32, now_ms: u64) -> Vec<Day> {
    let first = day_of(now_ms.saturating_sub(u64::from(keep_days) * DAY_MS));
    days.iter().filter(|day| day.day < first).cloned().collect()
}

fn is_day(text: &str) -> bool {
    let is_right =
        |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    let Some((day, aside)) = text.split_at_checked(10) else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    day.bytes().enumerate().all(is_right)
        && (aside.is_empty() || aside.strip_prefix('-').is_some_and(is_number))
}

/// The entries of a file, and how many of its bytes they are.
///
/// # Errors
/// Those of reading.
pub fn entries(file: &mut File) -> io::Result<(Vec<Entry>, u64)> {
    let end = file.metadata()?.len();
    let (mut found, mut at) = (Vec::new(), 0);
    while at + HEAD_BYTES as u64 <= end {
        let mut head = [0; HEAD_BYTES];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head)?;
        let (sequence, length) = head_of(head);
        let next = at + HEAD_BYTES as u64 + u64::from(length);
        if u64::from(length) > ESCROW_ENTRY_BYTES_MAX || next > end {
            break;
        }
        found.push(Entry { sequence, at: at + HEAD_BYTES as u64, length });
        at = next;
    }
    Ok((found, at))
}

/// The sealed bytes of an entry.
///
/// # Errors
/// Those of reading.
pub fn read(file: &mut File, entry: Entry) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(entry.at))?;
    let mut sealed = vec![0; entry.length as usize];
    file.read_exact(&mut sealed)?;
    Ok(sealed)
}

/// What stands before a sealed frame.
#[must_use]
pub fn head(sequence: u64, length: u32) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&sequence.to_le_bytes());
    head[8..].copy_from_slice(&length.to_le_bytes());
    head
}

fn head_of(head: [u8; HEAD_BYTES]) -> (u64, u32) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = head;
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), u32::from_le_bytes([i, j, k, l]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_the_beginning_that_its_name_says() {
        for day in (0..60_000).chain([2_932_896]) {
            assert_eq!(start_of(&day_of(day * DAY_MS)), Some(day * DAY_MS));
        }
        for odd in ["2026-02-30", "2026-00-10", "2026-10-00", "0000-01-01", "1969-12-31", "-"] {
            assert_eq!(start_of(odd), None, "{odd}");
        }
        assert!(
            is_day("2026-11-30")
                && is_day("2026-11-30-12")
                && !is_day("2026-11-30-")
                && !is_day("2026-11-30x")
        );
    }
}
