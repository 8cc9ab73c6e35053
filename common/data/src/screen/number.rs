//! Digit runs of a normalised text, and the numbers they may form when separators or a line break stand
//! inside. Used by all detectors of numbers. Invariants: a candidate begins and ends with a whole run, so
//! nothing is ever found inside a longer run of digits; a candidate has at most [`NUMBER_DIGITS_MAX`] digits,
//! so the work per run is bounded.

use crate::limits::{NUMBER_DIGITS_MAX, NUMBER_GAP_BYTES_MAX};

/// A maximal run of ASCII digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Run {
    pub(super) fn len(self) -> usize {
        self.end - self.start
    }
}

/// What stands between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// Blanks.
    Blank,
    /// A hyphen, perhaps with blanks.
    Hyphen,
    /// A full stop without blanks.
    Stop,
    /// A line break, perhaps with a hyphen and blanks.
    Line,
    /// A bracket, as in `(212) 555`.
    Bracket,
}

/// Consecutive runs that may be one number.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) runs: &'a [Run],
    /// The gaps between the runs; one fewer than runs.
    pub(super) gaps: &'a [Option<Gap>],
    /// All digits.
    pub(super) digits: &'a [u8],
}

impl Candidate<'_> {
    pub(super) fn start(&self) -> usize {
        self.runs.first().map_or(0, |run| run.start)
    }

    pub(super) fn end(&self) -> usize {
        self.runs.last().map_or(0, |run| run.end)
    }

    /// Whether the runs have exactly these lengths.
    pub(super) fn has_lengths(&self, lengths: &[usize]) -> bool {
        self.runs.len() == lengths.len()
            && self.runs.iter().zip(lengths).all(|(run, length)| run.len() == *length)
    }

    /// Whether it is one number broken once, at the end of a line.
    pub(super) fn is_broken_once_over_a_line(&self) -> bool {
        self.gaps == [Some(Gap::Line)]
    }

    /// Whether all gaps are of the same kind, which written numbers have and neighbours in a table may not.
    pub(super) fn is_regular(&self) -> bool {
        self.gaps.windows(2).all(|pair| pair.first() == pair.last())
    }
}

/// All digit runs of a text.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut start = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte.is_ascii_digit(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                runs.push(Run { start: from, end: at });
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        runs.push(Run { start: from, end: text.len() });
    }
    runs
}

/// The gap between two runs, or none where they cannot be one number.
pub(super) fn gap(text: &str, left: Run, right: Run) -> Option<Gap> {
    let between = text.as_bytes().get(left.end..right.start)?;
    if between.len() > NUMBER_GAP_BYTES_MAX {
        return None;
    }
    let count = |wanted: &[u8]| between.iter().filter(|byte| wanted.contains(byte)).count();
    let (blanks, hyphens, lines, brackets) = (count(b" \t\r"), count(b"-_"), count(b"\n"), count(b"()"));
    if between == b"." || between == "·".as_bytes() {
        return Some(Gap::Stop);
    }
    if blanks + hyphens + lines + brackets != between.len() || hyphens > 1 || lines > 1 || brackets > 1 {
        return None;
    }
    Some(match (lines, brackets, hyphens) {
        (1, ..) => Gap::Line,
        (_, 1, _) => Gap::Bracket,
        (_, _, 1) => Gap::Hyphen,
        _ if blanks <= 2 => Gap::Blank,
        _ => return None,
    })
}

/// Calls `each` with every candidate of at least `digits_min` digits, for each first run from short to long.
pub(super) fn candidates(text: &str, runs: &[Run], digits_min: usize, mut each: impl FnMut(&Candidate<'_>)) {
    let gaps: Vec<Option<Gap>> = runs
        .windows(2)
        .map(|pair| pair.first().zip(pair.last()).and_then(|(a, b)| gap(text, *a, *b)))
        .collect();
    let bytes = text.as_bytes();
    for first in 0..runs.len() {
        let mut digits = [0_u8; NUMBER_DIGITS_MAX];
        let mut count = 0;
        for last in first..runs.len() {
            if last > first && gaps.get(last - 1).copied().flatten().is_none() {
                break;
            }
            let Some(run) = runs.get(last) else { break };
            let (Some(target), Some(source)) =
                (digits.get_mut(count..count + run.len()), bytes.get(run.start..run.end))
            else {
                break;
            };
            target.copy_from_slice(source);
            count += run.len();
            if count >= digits_min
                && let (Some(runs), Some(gaps), Some(digits)) =
                    (runs.get(first..=last), gaps.get(first..last), digits.get(..count))
            {
                each(&Candidate { runs, gaps, digits });
            }
        }
    }
}

/// Whether the text around a number leaves it standing alone: no letter glued on the right, no decimal point
/// with a digit on either side. A word glued on the left (`ID1101...`) is allowed, a mixed token
/// (`a3f1101...`) is not.
pub(super) fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let before = bytes.get(..start).unwrap_or_default();
    let after = bytes.get(end..).unwrap_or_default();
    let decimal_right = matches!(after, [b'.', next, ..] if next.is_ascii_digit());
    let decimal_left = matches!(before, [.., last, b'.'] if last.is_ascii_digit());
    let glued_right = after.first().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let word = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let mixed = word > 0
        && (word > 12
            || before.get(before.len().saturating_sub(word + 1)).is_some_and(|byte| {
                before.len() > word && (byte.is_ascii_digit() || matches!(byte, b'_' | b'/'))
            }));
    !(decimal_left || decimal_right || glued_right || mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, least: usize) -> Vec<String> {
        let mut found = Vec::new();
        candidates(text, &runs(text), least, |candidate| {
            found.push(String::from_utf8(candidate.digits.to_vec()).unwrap());
        });
        found
    }

    #[test]
    fn whole_runs_are_joined_over_separators_and_one_line_break() {
        assert_eq!(all("138 1234-5678", 11), ["13812345678"]);
        assert_eq!(all("1381234\n  5678", 11), ["13812345678"]);
        assert_eq!(all("1381234\r\n5678", 11), ["13812345678"]);
        assert_eq!(all("1381234\n\n5678", 11), Vec::<String>::new());
        assert_eq!(all("138,1234,5678", 11), Vec::<String>::new());
        assert_eq!(all("12345678901234567890", 11), Vec::<String>::new());
    }

    #[test]
    fn neighbours_are_looked_at() {
        assert!(stands_alone("ID138", 2, 5) && stands_alone("138", 0, 3) && stands_alone("号138转", 3, 6));
        assert!(!stands_alone("a3f138", 3, 6) && !stands_alone("138b", 0, 3));
        assert!(!stands_alone("0.138", 2, 5) && !stands_alone("138.5", 0, 3) && stands_alone("138.", 0, 3));
    }
}
