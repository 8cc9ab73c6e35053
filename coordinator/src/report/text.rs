//! Text for a terminal: columns, cut and wrapped. Used by `table` and its parts. A Chinese character takes
//! two columns. Invariant: no line is wider than it is told to be.

use unicode_width::UnicodeWidthStr;

/// What every terminal has.
pub(super) const COLUMNS: usize = 80;

/// What fits, with a sign where something does not.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut shown = String::new();
    for character in text.chars() {
        let next = UnicodeWidthStr::width(character.encode_utf8(&mut [0; 4]) as &str);
        if shown.width() + next + 1 > columns {
            break;
        }
        shown.push(character);
    }
    shown + "~"
}

pub(super) fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

pub(super) fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(text.width())))
}

/// Lines of at most 80 columns. English breaks between words, Chinese anywhere.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    wrapped_within(text, COLUMNS)
}

pub(super) fn wrapped_within(text: &str, columns: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    let mut push = |line: &mut String| lines.push(std::mem::take(line).trim_end().to_owned());
    for word in text.split_inclusive(' ') {
        // A sign that no line should begin with hangs over by its two columns, so two are kept free.
        if line.width() + word.trim_end().width() > columns && !line.is_empty() && word.is_ascii() {
            push(&mut line);
        }
        for character in word.chars() {
            let is_sign = matches!(character, '，' | '。' | '；' | '：' | '、' | '！' | '）');
            let most = if is_sign { columns } else { columns - 2 };
            let column = UnicodeWidthStr::width(character.encode_utf8(&mut [0; 4]) as &str);
            let full = line.width() + column > if word.is_ascii() { columns } else { most };
            if full && character != ' ' {
                push(&mut line);
            }
            line.push(character);
        }
    }
    push(&mut line);
    lines
}
