//! Serial numbers of devices and implants behind a label, IMEI (Luhn), MAC addresses. Called by `detect`.

use super::label;
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// Adds labelled serial numbers and MAC addresses.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues(Cue::Device) {
        let (skip, marked) = label::value(view.after(cue.end));
        let start = cue.end + skip;
        let rest = view.after(start);
        // Behind a Chinese label the number may follow at once.
        let apart = marked || skip > 0 || view.before(cue.end).ends_with(is_han);
        let length = mac(rest).or_else(|| label::spaced(rest, 4, 40).filter(|length| apart && *length >= 5));
        if let Some(length) = length {
            hits.push(Hit { kind: Kind::DeviceId, start, end: start + length });
        }
    }
}

/// Six pairs of hexadecimal digits apart by `:` or `-`.
fn mac(text: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..17)?;
    let pairs = bytes.chunks(3).all(|chunk| match chunk {
        [a, b] | [a, b, b':' | b'-'] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        _ => false,
    });
    let ends = !text.as_bytes().get(17).is_some_and(u8::is_ascii_alphanumeric);
    (pairs && ends).then_some(17)
}
