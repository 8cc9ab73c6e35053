//! Tokens of 17 and 18 capitals and digits with a check character: vehicle identification numbers (ISO 3779
//! with the check digit of 49 CFR 565.15 and GB 16735) and unified social credit codes (GB 32100). Called by
//! `detect`.

use crate::screen::checksum::{credit_check, vin_check};
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View};

/// Adds every token that passes.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let bytes = view.text.as_bytes();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric();
    let mut seen = 0;
    for run in view.runs.iter().filter(|run| run.len() >= 2) {
        if run.start < seen {
            continue;
        }
        let left = bytes
            .get(..run.start)
            .unwrap_or_default()
            .iter()
            .rev()
            .take(20)
            .take_while(|byte| is_part(byte))
            .count();
        let right = bytes
            .get(run.start..)
            .unwrap_or_default()
            .iter()
            .take(20)
            .take_while(|byte| is_part(byte))
            .count();
        let start = run.start - left;
        seen = run.start + right;
        let Some(token) = bytes.get(start..seen) else { continue };
        let kind = match token {
            [body @ .., last]
                if token.len() == 18 && is_credit_code(body) && credit_check(body) == Some(*last) =>
            {
                Kind::SocialCreditCode
            }
            _ if token.len() == 17 && is_vin(token) => Kind::VehicleId,
            _ => continue,
        };
        hits.push(Hit { kind, start, end: seen });
    }
}

/// Registration authority and class, then six digits of the administrative division (GB/T 2260).
fn is_credit_code(body: &[u8]) -> bool {
    let authority = matches!(body.first(), Some(b'1'..=b'9' | b'A' | b'N' | b'Y'));
    authority
        && body.get(2..8).is_some_and(|division| division.iter().all(u8::is_ascii_digit))
        && body.get(2..4).is_some_and(|two| two >= b"10".as_slice() && two <= b"83".as_slice())
}

/// Letters and digits mixed, four digits at the end (the serial number), the check digit right.
fn is_vin(token: &[u8]) -> bool {
    let letters = token.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    letters >= 2
        && token.get(13..).is_some_and(|tail| tail.iter().all(u8::is_ascii_digit))
        && token.get(8).copied() == vin_check(token)
}
