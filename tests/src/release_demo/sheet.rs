//! A grader's table: its rows as a spreadsheet shows them, and back. Called by `graders`. Source of the form:
//! RFC 4180. Invariant: what is not graded is written as it was read.

/// What a spreadsheet knows UTF-8 by, at the beginning of a file.
const MARK: char = '\u{feff}';

/// The rows of a table, each its cells.
pub(super) fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut characters = text.trim_start_matches(MARK).chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                cell.push('"');
                characters.next();
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => {}
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}

/// A table of these rows.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let cell = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
    let rows = rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n");
    MARK.to_string() + &rows.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_as_it_was_written() {
        let text = "\u{feff}seal,text\r\n\"a\",\"he said \"\"no\"\",\ntwice\"\r\n,";
        let read = rows(text);
        assert_eq!(read, [["seal", "text"], ["a", "he said \"no\",\ntwice"], ["", ""]]);
        assert_eq!(rows(&table(&read)), read);
    }
}
