//! How progress looks everywhere. Used by the demo, by `launch --follow`, and at a site by `train` and `run`.
//! Text only; who draws a bar hands these to its library. Invariants: a line has at most 80 columns; a number
//! of steps that is not known is not shown; `NO_COLOR` is honoured.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most columns of a line.
pub const COLUMNS: usize = 80;
/// What a bar is made of: done, its tip, still to do.
pub const BAR_CHARACTERS: &str = "━╸─";

/// Whether to use colours: on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
pub fn colours(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A bar of so many columns, in the style of a template.
pub fn bar(columns: usize, colours: bool) -> String {
    if colours { format!("{{bar:{columns}.cyan/black.bright}}") } else { format!("{{bar:{columns}}}") }
}

/// `3/100`; nothing before the number of steps is known.
pub fn steps(step: u64, total: u64) -> Option<String> {
    (total > 0).then(|| format!("{}/{total}", step.min(total)))
}

/// The text in at most so many columns, with a sign where it was cut.
pub fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut left = columns.saturating_sub(1);
    for character in text.chars() {
        let Some(rest) = left.checked_sub(character.width().unwrap_or(0)) else { break };
        left = rest;
        cut.push(character);
    }
    cut.push('~');
    cut
}

/// Lines of at most so many columns. English breaks between words, Chinese anywhere.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    let mut push = |line: &mut String| lines.push(std::mem::take(line).trim_end().to_owned());
    for word in text.split_inclusive(' ') {
        // A sign that no line should begin with hangs over by its two columns, so two are kept free.
        if line.width() + word.trim_end().width() > columns && !line.is_empty() && word.is_ascii() {
            push(&mut line);
        }
        for character in word.chars() {
            let is_sign = matches!(character, '，' | '。' | '；' | '：' | '、' | '！' | '）');
            let most = if is_sign { columns } else { columns.saturating_sub(2) };
            let column = character.width().unwrap_or(0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_are_not_known_are_not_shown() {
        assert_eq!(steps(0, 0), None);
        assert_eq!(steps(5, 0), None);
        assert_eq!(steps(3, 100).as_deref(), Some("3/100"));
        // A count that runs ahead of its total must not look like a fault.
        assert_eq!(steps(101, 100).as_deref(), Some("100/100"));
    }

    #[test]
    fn a_cut_text_keeps_to_its_columns() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab~");
        assert_eq!(cut("心内科一病区", 6), "心内~");
        assert_eq!(cut("abc", 0), "~");
    }

    #[test]
    fn wrapped_lines_break_between_words_and_in_chinese_anywhere() {
        assert_eq!(wrapped("the more often, the less", 15), ["the more often,", "the less"]);
        assert_eq!(wrapped("一次测量，不多于此", 12), ["一次测量，", "不多于此"]);
        assert!(wrapped(&"w".repeat(200), 80).iter().all(|line| line.width() <= 80));
    }

    #[test]
    fn a_pipe_has_no_colours() {
        assert!(!colours(false));
        assert_eq!(bar(8, false), "{bar:8}");
    }
}
