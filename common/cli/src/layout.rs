//! Sentences and tables in lines of 80 columns. Used by `comparison` and `review`. Invariant: no line needs a
//! colour; a table whose cells fit has lines that fit.

use common::progress::{COLUMNS, wrapped};
use unicode_width::UnicodeWidthStr as _;

/// A sentence in lines of the terminal's width, all of them indented.
pub(crate) fn paragraph(text: &str, indent: &str) -> String {
    wrapped(text, COLUMNS - indent.len()).iter().map(|line| format!("{indent}{line}\n")).collect()
}

/// Columns as wide as their widest cell; the first `left` and the last of a wider table to the left, numbers
/// to the right.
pub(crate) fn table(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let fill = " ".repeat(width - cell.width());
            // Sentences, which only a summary has, stand in its last column.
            let is_left = column < left || (left > 1 && column + 1 == columns);
            if is_left { format!("{cell}{fill}") } else { format!("{fill}{cell}") }
        });
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
