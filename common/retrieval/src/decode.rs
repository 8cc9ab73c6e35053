//! The text of a document's bytes. Used by `folder`. Invariant: a text is whole and without control
//! characters but line feeds and tabs, or there is none.

use encoding_rs::GB18030;

/// What Unicode ends lines with besides a line feed (UAX 14: carriage return, vertical tab, form feed, next
/// line, line and paragraph separator).
const LINE_ENDS: [char; 6] = ['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

/// UTF-8, with or without a mark, else GB18030 (with GBK and GB2312 in it); `None` where it is neither,
/// or has other control characters.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => GB18030.decode_without_bom_handling_and_without_replacement(bytes)?.into_owned(),
    };
    let text = text.replace("\r\n", "\n").replace(LINE_ENDS, "\n");
    let is_text = !text.chars().any(|sign| sign.is_control() && !matches!(sign, '\n' | '\t'));
    is_text.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_are_read_and_what_is_no_text_is_not() {
        assert_eq!(text("\u{feff}高血压\r\na".as_bytes()).as_deref(), Some("高血压\na"));
        let (bytes, _, _) = GB18030.encode("高血压。");
        assert_eq!(text(&bytes).as_deref(), Some("高血压。"));
        assert_eq!(text(b"a\0b"), None);
        let ends = "a\rb\u{b}c\u{c}d\u{85}e\u{2028}f\u{2029}g\r\nh";
        assert_eq!(text(ends.as_bytes()).as_deref(), Some("a\nb\nc\nd\ne\nf\ng\nh"));
        assert_eq!(text(&[0xff, 0xfe, b'a', 0]), None, "UTF-16");
        assert_eq!(text(b"%PDF-1.7\n\xff\xff"), None);
    }
}
