//! What may stand between a label and its value, and what a value looks like. Used by the detectors of
//! labelled numbers. Invariant: looks at a bounded stretch behind the label.

use crate::limits::LABEL_REACH_BYTES_MAX;

/// The value behind a label: `(offset of the value, whether a colon or the like stood between)`; offsets are
/// relative to `text`, which begins where the label ends. Skips `号码`, `为`, `是`, `No.`, `number`, brackets,
/// blanks, marks of Markdown tables and one line break.
pub(super) fn value(text: &str) -> (usize, bool) {
    const WORDS: &[&str] = &[
        "号码", "编号", "号", "码", "为", "是", "number", "Number", "NUMBER", "No.", "no.", "NO.", "is", "#",
    ];
    let (mut at, mut marked, mut lines) = (0, false, 0);
    while at < LABEL_REACH_BYTES_MAX {
        let rest = text.get(at..).unwrap_or_default();
        let Some(next) = rest.chars().next() else { break };
        if let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
            at += word.len();
            continue;
        }
        match next {
            ':' | '=' | '|' => marked = true,
            '\n' if lines == 0 => lines += 1,
            ' ' | '\t' | '\r' | '(' | ')' | '[' | ']' | '【' | '】' | '"' | '\'' | '“' | '”' | '*' | '-'
            | '_' => {}
            _ => break,
        }
        at += next.len_utf8();
    }
    (at, marked)
}

/// Length in bytes of the leading token of ASCII letters, digits and inner hyphens.
pub(super) fn token(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let joins = matches!(byte, b'-' | b'/' | b'_') && end > 0 && bytes.get(end + 1).is_some_and(is_part);
        if !is_part(byte) && !joins {
            break;
        }
        end += 1;
    }
    end
}

/// Length of a token of `token` whose digits number at least `digits_min` and that is `chars_min` to
/// `chars_max` long.
pub(super) fn number(text: &str, digits_min: usize, chars_min: usize, chars_max: usize) -> Option<usize> {
    let length = token(text);
    let digits = text.as_bytes().iter().take(length).filter(|byte| byte.is_ascii_digit()).count();
    (digits >= digits_min && (chars_min..=chars_max).contains(&length)).then_some(length)
}

/// Like [`number`], for numbers that are written with blanks: letters before the digits (`KCI 55-10932`), or
/// groups of digits (`943 476 5919`). A group that a date, a quantity or an age begins with is not taken in.
pub(super) fn spaced(text: &str, digits_min: usize, chars_max: usize) -> Option<usize> {
    let mut end = token(text);
    let head = text.get(..end)?;
    let letters = !head.is_empty() && head.len() <= 6 && !head.bytes().any(|byte| byte.is_ascii_digit());
    if letters {
        let rest = text.get(end..)?;
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        let behind = rest.strip_prefix(' ')?;
        let length = token(behind);
        let whole = behind
            .get(..length)
            .is_some_and(|token| token.starts_with(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase()));
        if !whole || !head.starts_with(|c: char| c.is_ascii_uppercase()) {
            return None;
        }
        end = text.len() - behind.len() + length;
    }
    let mut last = end;
    for _ in 0..4 {
        let Some(rest) = text.get(end..).and_then(|rest| rest.strip_prefix(' ')) else { break };
        let length = token(rest);
        let group = rest.get(..length).unwrap_or_default();
        let digits = group.bytes().take_while(u8::is_ascii_digit).count();
        let behind = rest.get(length..).unwrap_or_default();
        let goes_on = behind.starts_with(['.', ':', '/', '%', '年', '月', '岁', '日', '床'])
            && !behind.starts_with(". ")
            && behind != ".";
        let short = last <= 8 && (2..=8).contains(&digits) && length - digits <= 2;
        if !short || goes_on || end + 1 + length > chars_max || (digits == length && digits < 3 && last > 4) {
            break;
        }
        end += 1 + length;
        last = length;
    }
    let digits = text.as_bytes().iter().take(end).filter(|byte| byte.is_ascii_digit()).count();
    (digits >= digits_min && (4..=chars_max).contains(&end)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_values() {
        assert_eq!(value("：".replace('：', ":").as_str()), (1, true));
        assert_eq!(value("号码为 123"), (10, false));
        assert_eq!(value(" No.: 123").0, 6);
        assert_eq!(value("\n123").0, 1);
        assert_eq!(value("\n\n123").0, 1);
        assert_eq!(token("ZY-2023/01 x"), 10);
        assert_eq!(token("12-"), 2);
        assert_eq!(number("ZY0012。", 3, 3, 20), Some(6));
        assert_eq!(number("abcdef", 1, 3, 20), None);
        assert_eq!(spaced("943 476 5919, who", 5, 24), Some(12));
        assert_eq!(spaced("KCI 55-10932 ok", 5, 24), Some(12));
        assert_eq!(spaced("WA 100-877-26WA.", 5, 24), Some(15));
        assert_eq!(spaced("00123456 45 M", 5, 24), Some(8));
        assert_eq!(spaced("was seen 2019", 4, 24), None);
    }
}
