//! Plain tables for an 80-column terminal. Used by `check`, `status` and `ledger`.

use common::clock::Timestamp;
use unicode_width::UnicodeWidthStr as _;

/// Pads every column to its longest cell. The last column is not padded.
pub(crate) fn render(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if column + 1 < row.len() {
                let padding = widths[column] - cell.width() + 2;
                line.extend(std::iter::repeat_n(' ', padding));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A date and time to the second, with its zone.
pub(super) fn utc(milliseconds: u64) -> String {
    Timestamp(milliseconds).rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_blanks() {
        let rows =
            vec![vec!["a".into(), "bb".into(), String::new()], vec!["ccc".into(), "d".into(), "e".into()]];
        assert_eq!(render(&rows), "a    bb\nccc  d   e\n");
    }

    #[test]
    fn a_chinese_character_is_two_columns_wide() {
        let rows = vec![vec!["姓名".into(), "1".into()], vec!["abcdef".into(), "2".into()]];
        assert_eq!(render(&rows), "姓名    1\nabcdef  2\n");
    }

    #[test]
    fn times_have_their_zone() {
        assert_eq!(utc(1_700_000_000_999), "2023-11-14T22:13:20Z");
        assert_eq!(utc(u64::MAX), "-");
    }
}
