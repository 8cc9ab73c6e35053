//! Sheets that are tables: CSV, and the sheet of a workbook. Called by `import`. Invariant: columns are found
//! by the first word of their head, each once, in whatever order.

use std::path::Path;

use super::row::{Line, read};
use crate::csv::rows_of_spreadsheet;
use crate::limits::{REVIEW_GRADES_BYTES_MAX, REVIEW_ROWS_MAX};
use crate::review::control::Control;
use crate::review::error::{ReviewError, Spot};
use crate::review::sheet::FIXED;
use crate::review::workbook::SHEET;
use crate::xlsx::{self, Cell, Problem, Row};

/// A table with its rows, and how its places are named.
struct Table<'a> {
    path: &'a Path,
    is_workbook: bool,
    /// Names, and the columns that they are in.
    columns: Vec<(&'static str, usize)>,
}

/// The lines of a table in text.
pub(super) fn of_text(path: &Path, text: &str) -> Result<Vec<Line>, ReviewError> {
    let rows = rows_of_spreadsheet(text, REVIEW_ROWS_MAX)
        .map_err(|line| ReviewError::at(path, line, "there are too many rows, or its row is too long"))?;
    let cell = |text| Cell { text, wrong: None };
    lines(path, false, rows.into_iter().map(|(line, cells)| (line, cells.into_iter().map(cell).collect())))
}

/// The lines of a workbook.
pub(super) fn of_workbook(path: &Path, bytes: &[u8]) -> Result<Vec<Line>, ReviewError> {
    let rows = xlsx::read(bytes, SHEET, REVIEW_ROWS_MAX + 1, REVIEW_GRADES_BYTES_MAX);
    let rows = rows.map_err(|problem| match problem {
        Problem::File(reason) => ReviewError::file(path, reason),
        Problem::Cell(name, reason) => ReviewError::spot(path, Spot::Cell(name), reason),
    })?;
    lines(path, true, rows.into_iter())
}

fn lines(
    path: &Path,
    is_workbook: bool,
    mut rows: impl Iterator<Item = Row>,
) -> Result<Vec<Line>, ReviewError> {
    let Some((first, head)) = rows.next() else { return Err(ReviewError::file(path, "it is empty")) };
    let mut table = Table { path, is_workbook, columns: Vec::new() };
    table.find(first, &head)?;
    let is_filled = |cell: &Cell| cell.wrong.is_some() || !cell.text.trim().is_empty();
    let filled = rows.filter(|(_, cells)| cells.iter().any(is_filled));
    filled.map(|(number, cells)| table.line(number, &cells)).collect()
}

impl Table<'_> {
    fn spot(&self, row: u64, field: Option<&str>) -> Spot {
        let column = field.and_then(|name| self.columns.iter().find(|(it, _)| *it == name));
        match (self.is_workbook, column) {
            (false, _) => Spot::Line(row),
            (true, Some((_, column))) => Spot::Cell(xlsx::name(row - 1, *column)),
            (true, None) => Spot::Row(row),
        }
    }

    /// Finds the columns that are read.
    fn find(&mut self, row: u64, head: &[Cell]) -> Result<(), ReviewError> {
        for name in FIXED[..4].iter().copied().chain(Control::all().map(Control::name)) {
            let is_it = |cell: &Cell| cell.text.split_whitespace().next() == Some(name);
            let mut found = head.iter().enumerate().filter(|(_, cell)| is_it(cell));
            let column = match (found.next(), found.next()) {
                (Some((column, _)), None) => column,
                (None, _) => return Err(self.refused(row, format!("there is no column {name}"))),
                _ => return Err(self.refused(row, format!("there are two columns {name}"))),
            };
            self.columns.push((name, column));
        }
        Ok(())
    }

    fn refused(&self, row: u64, reason: String) -> ReviewError {
        ReviewError::spot(self.path, self.spot(row, None), reason)
    }

    fn line(&self, row: u64, cells: &[Cell]) -> Result<Line, ReviewError> {
        let field = |name: &str| {
            let column = self.columns.iter().find(|(it, _)| *it == name).map(|(_, column)| *column);
            let Some(cell) = column.and_then(|column| cells.get(column)) else { return Ok("") };
            cell.wrong.map_or(Ok(cell.text.as_str()), |reason| Err(reason.to_owned()))
        };
        let (head, grade) = read(&field)
            .map_err(|wrong| ReviewError::spot(self.path, self.spot(row, wrong.field), wrong.reason))?;
        Ok(Line { spot: self.spot(row, None), head, grade, shown: None })
    }
}
