//! Labelled numbers and names of accounts: passports, permits, officers, insurance, bank and other accounts,
//! licences, `WeChat`, QQ, postal codes. Called by `detect`.

use super::label;
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han, leading};

/// Adds the value behind every label.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues {
        let after = view.after(cue.end);
        let (skip, marked) = label::value(after);
        let rest = view.after(cue.end + skip);
        let found = match cue.cue {
            Cue::Passport => passport(rest).map(|length| (Kind::Passport, length)),
            Cue::Permit => permit(rest).map(|length| (Kind::TravelPermit, length)),
            Cue::CitizenId if rest.starts_with(is_han) => {
                officer(rest).map(|length| (Kind::OfficerNumber, length))
            }
            Cue::Officer => officer(rest).map(|length| (Kind::OfficerNumber, length)),
            Cue::Insurance => label::spaced(rest, 5, 24)
                .filter(|length| *length >= 6)
                .map(|length| (Kind::InsuranceNumber, length)),
            Cue::Account => account(rest).map(|length| (Kind::AccountNumber, length)),
            Cue::Plate => plate(rest).map(|length| (Kind::LicenceNumber, length)),
            Cue::Licence => label::number(rest, 4, 5, 24).map(|length| (Kind::LicenceNumber, length)),
            Cue::Wechat => wechat(rest, marked || skip > 0).map(|length| (Kind::WechatId, length)),
            Cue::Qq => qq(rest).map(|length| (Kind::QqNumber, length)),
            Cue::PostalCode => postal(rest).map(|length| (Kind::PostalCode, length)),
            _ => None,
        };
        if let Some((kind, length)) = found {
            hits.push(Hit { kind, start: cue.end + skip, end: cue.end + skip + length });
        }
    }
}

/// `HRX-4471`, `OH JKP 2208` behind a word for a plate: capitals and digits in one to three groups.
fn plate(text: &str) -> Option<usize> {
    let mut end = 0;
    for group in 0..3 {
        let rest = text.get(end..)?;
        let skip = usize::from(group > 0 && rest.starts_with(' '));
        let length = label::token(rest.get(skip..)?);
        let token = rest.get(skip..skip + length)?;
        let capitals =
            token.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-');
        if length == 0 || !capitals || end + skip + length > 12 || (group > 0 && skip == 0) {
            break;
        }
        end += skip + length;
    }
    let digits = text.bytes().take(end).filter(u8::is_ascii_digit).count();
    (digits >= 3 && end >= 5).then_some(end)
}

/// `E12345678`, `EA1234567`, `G`, `D`, `S`, `P`, `H` and eight digits; foreign passports of six to nine
/// characters.
fn passport(text: &str) -> Option<usize> {
    label::number(text, 5, 6, 10)
}

/// `H` or `M` and eight to ten digits, `C` and eight, eight digits (Taiwan), fifteen or eighteen characters
/// (residence).
fn permit(text: &str) -> Option<usize> {
    label::number(text, 7, 8, 18)
}

/// `军字第1234567号`, `南字第 1234567 号`, or a bare number.
fn officer(text: &str) -> Option<usize> {
    let han = leading(text, 4, is_han).end;
    let blanks = text.get(han..)?.bytes().take(2).take_while(|byte| *byte == b' ').count();
    let number = label::number(text.get(han + blanks..)?, 5, 5, 18)?;
    let sign = if text.get(han + blanks + number..)?.starts_with('号') { '号'.len_utf8() } else { 0 };
    Some(han + blanks + number + sign)
}

/// Six digits or more, in groups of four as printed on cards too, or an e-mail-like name (found as such).
fn account(text: &str) -> Option<usize> {
    let mut end = label::number(text, 6, 6, 34).or_else(|| (label::token(text) == 4).then_some(4))?;
    let mut groups = 1;
    while end % 5 == 4 && text.get(end..).is_some_and(|rest| rest.starts_with(' ')) {
        let group = label::token(text.get(end + 1..).unwrap_or_default());
        if group == 0 || group > 4 || !text.as_bytes().get(end + 1).is_some_and(u8::is_ascii_digit) {
            break;
        }
        end += 1 + group;
        groups += 1;
    }
    (end >= 6 && (groups == 1 || groups >= 3)).then_some(end)
}

/// A letter and 5 to 19 letters, digits, `-`, `_`; or a telephone or QQ number used as a name.
fn wechat(text: &str, apart: bool) -> Option<usize> {
    let length = text
        .bytes()
        .take(32)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    let first = text.bytes().next()?;
    // `wechat account` and the like are words of a sentence, not names: a name behind a bare word has a digit
    // or `_`.
    let token = text.get(..length)?;
    let marked = token.bytes().any(|byte| byte.is_ascii_digit() || byte == b'_' || byte == b'-');
    let plausible = (6..=20).contains(&length) && first.is_ascii_alphanumeric();
    (plausible && (marked || (apart && !is_word(token)))).then_some(length)
}

/// Everyday English words that follow `WeChat`.
fn is_word(token: &str) -> bool {
    [
        "account", "number", "group", "official", "message", "messages", "payment", "program", "contact",
        "before", "please",
    ]
    .contains(&token.to_ascii_lowercase().as_str())
}

fn qq(text: &str) -> Option<usize> {
    let length = label::token(text);
    let digits = text.get(..length)?.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (5..=11).contains(&length) && !text.starts_with('0')).then_some(length)
}

/// Six digits in China, five or five and four in the USA.
fn postal(text: &str) -> Option<usize> {
    let length = label::token(text);
    let token = text.get(..length)?.as_bytes();
    let digits = token.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
    (digits && (matches!(length, 5 | 6) || (length == 10 && token.get(5) == Some(&b'-')))).then_some(length)
}
