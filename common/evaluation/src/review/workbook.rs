//! A grader's sheet as a workbook (XLSX): the table with its head in sight and lists of what may be chosen.
//! Called by `coordinator review new`; `import` reads it again. Invariants: every cell is a text, so nothing
//! in it is a formula; the same key gives the same bytes.

use super::control::Control;
use super::error::ReviewError;
use super::key::{Key, KeyGrader};
use super::sheet::{FIXED, cells, heads, shown};
use crate::csv::plain;
use crate::limits::CELL_CHARACTERS_MAX;
use crate::xlsx::{Column, Sheet, write};

/// What its sheet is called.
pub(super) const SHEET: &str = "grades";
/// Characters of each of the columns before the grades, and of those for grades and comments.
const WIDTHS: [u32; FIXED.len()] = [8, 10, 7, 8, 48, 88];
const GRADE_WIDTH: u32 = 14;
const COMMENT_WIDTH: u32 = 48;

/// The workbook.
///
/// # Errors
/// `Wish` where a question or an answer is longer than a cell can be.
pub fn workbook(key: &Key, grader: &KeyGrader, seal: &str) -> Result<Vec<u8>, ReviewError> {
    let given = FIXED.iter().zip(WIDTHS).map(|(head, width)| Column {
        head: (*head).to_owned(),
        width,
        choices: Vec::new(),
        is_open: false,
    });
    let open = Control::all().zip(heads()).map(|(control, head)| Column {
        head,
        width: if matches!(control, Control::Comment) { COMMENT_WIDTH } else { GRADE_WIDTH },
        choices: control.choices().into_iter().map(|(number, _)| number.to_string()).collect(),
        is_open: true,
    });
    let columns: Vec<Column> = given.chain(open).collect();
    let rows = shown(key, grader).map(|one| {
        let mut row = cells(&one, grader, seal).map(|cell| plain(&cell)).to_vec();
        row.resize(columns.len(), String::new());
        row
    });
    let rows: Vec<Vec<String>> = rows.collect();
    write(&Sheet { name: SHEET, columns: &columns, rows: &rows }).map_err(|_| {
        ReviewError::Wish(format!(
            "a question or an answer has more than the {CELL_CHARACTERS_MAX} characters of a spreadsheet's cell"
        ))
    })
}
