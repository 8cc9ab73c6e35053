//! Tables with a header, quotes and line feeds inside cells (RFC 4180), read and written. Used by `layout`
//! for CMExam, by `grades`, `sheet` and `review`. Invariant: no cell that is written can be taken for a
//! formula, and [`unmarked`] gives back what was there.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::limits::{CELLS_MAX, LINE_BYTES_MAX};

/// The rows of a table with the line on which each begins, counted from 1. The error is the line of a row
/// that has too many cells or bytes, or of the first row behind the header and `most` others.
pub(crate) fn rows(text: &str, most: usize) -> Result<Vec<(u64, Vec<String>)>, u64> {
    read(text, most, Reader::new())
}

/// The same of a table that a spreadsheet may have saved with semicolons, as it does where the comma is in
/// numbers.
pub(crate) fn rows_of_spreadsheet(text: &str, most: usize) -> Result<Vec<(u64, Vec<String>)>, u64> {
    let header = text.lines().next().unwrap_or_default();
    let delimiter = if header.contains(';') && !header.contains(',') { b';' } else { b',' };
    read(text, most, ReaderBuilder::new().delimiter(delimiter).build())
}

fn read(text: &str, most: usize, mut reader: Reader) -> Result<Vec<(u64, Vec<String>)>, u64> {
    let mut rows = Vec::new();
    let (mut input, mut output) = (text.as_bytes(), vec![0_u8; 4096]);
    let (mut ends, mut written, mut cells) = (vec![0_usize; 64], 0, 0);
    // The reader's own count is behind where lines end in CR and LF.
    let (mut line, mut begun) = (1, 1);
    let ends_of = |read: &[u8]| read.iter().filter(|byte| **byte == b'\n').count() as u64;
    loop {
        if cells == 0 && written == 0 {
            // Empty lines are no rows.
            let empty = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            line += ends_of(&input[..empty]);
            input = &input[empty..];
            begun = line;
        }
        let (result, read, wrote, ended) =
            reader.read_record(input, &mut output[written..], &mut ends[cells..]);
        line += ends_of(&input[..read]);
        input = &input[read..];
        written += wrote;
        cells += ended;
        match result {
            // No more input: an empty slice is the end of the file, which ends an open row.
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => output.resize(output.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
            ReadRecordResult::Record => {
                let mut start = 0;
                let row = ends[..cells].iter().map(|end| {
                    let cell = String::from_utf8_lossy(&output[start..*end]).into_owned();
                    start = *end;
                    cell
                });
                rows.push((begun, row.collect()));
                (written, cells) = (0, 0);
            }
            ReadRecordResult::End => return Ok(rows),
        }
        if rows.len() > most + 1 || cells > CELLS_MAX || written > LINE_BYTES_MAX {
            return Err(begun);
        }
    }
}

/// A text without characters that move a cursor.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// The same, which no spreadsheet takes for a formula.
pub(crate) fn harmless(text: &str) -> String {
    let text = plain(text);
    if text.starts_with(MARKED) { format!("'{text}") } else { text }
}

/// What a spreadsheet could take for the beginning of a formula.
const MARKED: [char; 5] = ['=', '+', '-', '@', '\t'];

/// A cell as it was before [`harmless`] marked it.
pub(crate) fn unmarked(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(MARKED) => rest,
        _ => cell,
    }
}

/// Writes a row, every cell in quotes.
pub(crate) fn row(table: &mut String, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
    *table += &cells.join(",");
    *table += "\r\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_line_on_which_they_begin() {
        for end in ["\n", "\r\n"] {
            let text = ["a,b", "1,\"x\ny\"", "", "2,z", "3,"].join(end);
            let found = rows(&text, 9).expect("a table");
            let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [1, 2, 5, 6], "{end:?}");
            assert_eq!(found[1].1, ["1", "x\ny"]);
            assert_eq!(found[3].1, ["3", ""]);
        }
        assert_eq!(rows("", 9), Ok(Vec::new()));
        assert_eq!(rows("a\n1\n2\n3\n", 2), Err(4));
    }

    #[test]
    fn what_was_marked_is_given_back() {
        for text in ["=1+1", "-5", "+", "@x", "plain", "'quoted", ""] {
            let cell = harmless(text);
            assert!(!cell.starts_with(['=', '+', '-', '@']));
            assert_eq!(unmarked(&cell), text);
        }
        assert_eq!(harmless("a\u{1b}b\nc"), "ab\nc");
    }
}
