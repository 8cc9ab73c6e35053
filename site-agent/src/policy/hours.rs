//! Hours of the day in which this site trains: `hours` of `[policy]`. Used by `policy`, by the gateway, which
//! waits outside them, and by `status`. Pure. Invariants: one text for each value, the one that is written;
//! a day has a moment at which the hours begin, so nobody waits longer than a day.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const DAY_MINUTES: i64 = 24 * 60;
const MINUTE_MS: u64 = 60_000;
/// What is expected, for people.
const EXPECTED: &str = "hours are written as \"20:00-06:00 +08:00\" (from, until, and how far the clock on the wall is ahead of \
                        UTC), or \"\" for any time";

/// Hours of the day by a clock that is so far ahead of UTC; without them any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hours(Option<Span>);

/// In minutes of the day; over midnight where `until` is not after `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: i64,
    until: i64,
    ahead: i64,
}

impl Hours {
    /// Whether there are any.
    #[must_use]
    pub fn are_set(self) -> bool {
        self.0.is_some()
    }

    /// How long to wait, in milliseconds, until training may go on; nothing where it may now.
    #[must_use]
    pub fn wait_ms(self, now_ms: u64) -> Option<u64> {
        let Span { from, until, ahead } = self.0?;
        let minutes = i64::try_from(now_ms / MINUTE_MS).unwrap_or(i64::MAX / 2);
        let minute = (minutes + ahead).rem_euclid(DAY_MINUTES);
        let is_within =
            if from < until { (from..until).contains(&minute) } else { minute >= from || minute < until };
        let left = u64::try_from((from - minute).rem_euclid(DAY_MINUTES)).unwrap_or(0);
        (!is_within).then(|| left * MINUTE_MS - now_ms % MINUTE_MS)
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Span { from, until, ahead }) = self.0 else { return Ok(()) };
        let clock = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let sign = if ahead < 0 { '-' } else { '+' };
        write!(formatter, "{}-{} {sign}{}", clock(from), clock(until), clock(ahead.abs()))
    }
}

impl FromStr for Hours {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        read(text).filter(|hours| hours.to_string() == text).ok_or(EXPECTED)
    }
}

/// The hours of a text, if it is one; the caller compares it with the one that is written.
fn read(text: &str) -> Option<Hours> {
    let (span, ahead) = text.split_once(' ')?;
    let (from, until) = span.split_once('-')?;
    let sign = if ahead.starts_with('-') { -1 } else { 1 };
    let ahead = sign * minutes(ahead.strip_prefix(['+', '-'])?)?;
    let (from, until) = (minutes(from)?, minutes(until)?);
    // No zone of the world is further away.
    let is_possible = from != until && (-12 * 60..=14 * 60).contains(&ahead);
    is_possible.then_some(Hours(Some(Span { from, until, ahead })))
}

fn minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..24).contains(&hours) && (0..60).contains(&minutes)).then_some(hours * 60 + minutes)
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.to_string()
    }
}

impl TryFrom<String> for Hours {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn hours_have_one_text() {
        for text in ["", "20:00-06:00 +08:00", "09:30-17:45 -03:30", "00:00-23:59 +00:00"] {
            assert_eq!(text.parse::<Hours>().map(|hours| hours.to_string()), Ok(text.to_owned()));
        }
        for bad in [
            " ",
            "20:00-06:00",
            "20-06 +08:00",
            "8:00-06:00 +08:00",
            "20:00-20:00 +08:00",
            "24:00-06:00 +08:00",
            "20:00-06:60 +08:00",
            "20:00-06:00 +15:00",
            "20:00-06:00 -00:00",
            "20:00-06:00 08:00",
            "20:00-06:00  +08:00",
            "+2:00-06:00 +08:00",
            "20:00-06:00 +08:00 ",
            "-1:00-06:00 +08:00",
        ] {
            assert_eq!(bad.parse::<Hours>(), Err(EXPECTED), "{bad}");
        }
    }

    #[test]
    fn one_waits_until_they_begin_by_the_clock_on_the_wall() {
        let night: Hours = "20:00-06:00 +08:00".parse().unwrap();
        // 12:00 UTC is 20:00 in Beijing.
        assert_eq!(night.wait_ms(12 * HOUR_MS), None);
        assert_eq!(night.wait_ms(12 * HOUR_MS - 1), Some(1));
        assert_eq!(night.wait_ms(21 * HOUR_MS + 59 * MINUTE_MS), None);
        assert_eq!(night.wait_ms(22 * HOUR_MS), Some(14 * HOUR_MS));
        assert_eq!(night.wait_ms(0), Some(12 * HOUR_MS), "08:00");
        let day: Hours = "09:00-17:00 -05:00".parse().unwrap();
        assert_eq!((day.wait_ms(14 * HOUR_MS), day.wait_ms(22 * HOUR_MS)), (None, Some(16 * HOUR_MS)));
        assert_eq!(day.wait_ms(13 * HOUR_MS + 30_000), Some(HOUR_MS - 30_000));
        assert_eq!(Hours::default().wait_ms(5), None);
        assert!(night.wait_ms(u64::MAX).is_none_or(|wait| wait <= 24 * HOUR_MS));
    }
}
