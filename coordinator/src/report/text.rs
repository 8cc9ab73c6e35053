//! Cells of a table for a terminal. Used by `table` and its parts. A Chinese character takes two columns.

use unicode_width::UnicodeWidthStr;

pub(super) fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

pub(super) fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(text.width())))
}
