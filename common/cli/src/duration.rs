//! Durations and moments as people write them. Used by `coordinator invite --ttl`, by `logs --since` of both
//! programs, and wherever the time that is left is shown. Invariant: a number without a unit is no duration.

use common::clock::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `90s`, `30m`, `24h` or `7d`, in milliseconds.
///
/// # Errors
/// What a duration looks like.
pub fn milliseconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a duration such as 30m, 24h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| wrong())?;
    let unit_ms = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit_ms).ok_or_else(wrong)
}

/// How far back, or since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So many milliseconds before now.
    Ago(u64),
    /// This moment.
    At(Timestamp),
}

impl Since {
    /// The moment that is meant.
    #[must_use]
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ms) => Timestamp(now.0.saturating_sub(ms)),
            Self::At(moment) => moment,
        }
    }
}

impl std::str::FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(moment) = moment(text) {
            return Ok(Self::At(moment));
        }
        milliseconds(text)
            .map(Self::Ago)
            .map_err(|_| format!("`{text}` is neither like 30m, 24h or 7d nor like 2026-11-29T08:00:00Z"))
    }
}

/// A moment as RFC 3339 writes it.
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(Timestamp)
}

/// Seconds as `2h 03m`, `3m 12s` or `45s`.
#[must_use]
pub fn span(seconds: f64) -> String {
    // Saturating: what never ends is shown as very long.
    let seconds = seconds.ceil() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(milliseconds("24h"), Ok(86_400_000));
        assert_eq!(milliseconds("1s"), Ok(1_000));
        for bad in ["", "h", "24", "-1h", "1w", "99999999999999999999d", "9999999999999999d", "é"] {
            assert!(milliseconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn since_is_a_duration_or_a_moment() {
        let now = Timestamp(1_700_000_000_000);
        let at = |text: &str| text.parse::<Since>().map(|since| since.moment(now));
        assert_eq!(at("1h"), Ok(Timestamp(now.0 - 3_600_000)));
        assert_eq!(at("2023-11-14T22:13:20Z"), Ok(now));
        assert_eq!(at("2023-11-15T00:13:20.5+02:00"), Ok(Timestamp(now.0 + 500)));
        assert_eq!(at("100000d"), Ok(Timestamp(0)));
        for bad in ["yesterday", "2023-11-14", "2023-11-14 22:13:20", "24", ""] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}
