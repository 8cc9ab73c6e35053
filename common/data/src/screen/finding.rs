//! A finding: where in a record an identifier stands. Made by the screen. Used by `mask`, `verdict`,
//! `waiver`, the room and the reports of `site-agent data`. Invariant: a finding holds offsets, never text;
//! what is shown of it is [`preview`], which leaves at most a third of the characters.

use serde::{Deserialize, Serialize};

use super::kind::{Certainty, Kind};

/// An identifier in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Index into the record's fields.
    pub field: usize,
    /// First byte in the field's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
    /// How sure that is.
    pub certainty: Certainty,
}

impl Finding {
    /// A finding with its kind's certainty.
    #[must_use]
    pub fn new(kind: Kind, field: usize, start: usize, end: usize) -> Self {
        Self { field, start, end, kind, certainty: kind.certainty() }
    }

    /// The masked preview of what was found in `text`, the text of the finding's field.
    #[must_use]
    pub fn preview(&self, text: &str) -> String {
        preview(self.kind, text.get(self.start..self.end).unwrap_or_default())
    }
}

/// More stars than this are not drawn, so that an address does not fill a line.
const STARS_SHOWN: usize = 12;

/// `1101**********002X`: stars for all but a few characters at both ends; line breaks and blanks become stars
/// as well. Long numbers keep eight characters of at least fifteen, shorter ones fewer, names and dates one.
#[must_use]
pub fn preview(kind: Kind, raw: &str) -> String {
    let chars: Vec<char> = raw.chars().filter(|c| !c.is_control()).collect();
    let (head, tail) = match (kind, chars.len()) {
        (_, 0 | 1) => (0, 0),
        (Kind::PersonName | Kind::Date | Kind::Email | Kind::Address | Kind::Url | Kind::AgeOver89, _) => {
            (1, 0)
        }
        (Kind::CitizenId | Kind::BankCard | Kind::SocialCreditCode | Kind::VehicleId, 15..) => (4, 4),
        (_, 11..) => (3, 2),
        (_, 7..) => (2, 1),
        _ => (1, 0),
    };
    let stars = chars.len().saturating_sub(head + tail).clamp(1, STARS_SHOWN);
    let mut shown: String = chars.iter().take(head).collect();
    shown.extend(std::iter::repeat_n('*', stars));
    shown.extend(chars.iter().skip(chars.len().saturating_sub(tail)));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_those_of_the_reference_and_never_raw() {
        assert_eq!(preview(Kind::CitizenId, "11010519491231002X"), "1101**********002X");
        assert_eq!(preview(Kind::PersonName, "王小明"), "王**");
        assert_eq!(preview(Kind::PersonName, "王"), "*");
        assert_eq!(preview(Kind::MobilePhone, "13812345678"), "138******78");
        assert_eq!(preview(Kind::BedNumber, "12"), "1*");
        assert_eq!(preview(Kind::Email, "someone@example.org"), "s************");
        assert_eq!(preview(Kind::Address, ""), "*");
        for kind in Kind::ALL {
            for raw in
                ["1", "12", "张三", "1234567", "12345678901", "110105194912310021", "a b\nc d e f g h i j k"]
            {
                assert_ne!(preview(*kind, raw), raw);
            }
        }
    }
}
