//! The cells of one sheet. Called by `read`. Invariants: rows and cells are in order and each is there once;
//! a cell is no longer than spreadsheets allow, and all together hold no more than is asked for; columns
//! behind the last that is read hold nothing.

use super::cell::{Cell, Problem, Row, name};
use super::markup::{Element, Event, Markup};
use super::parts::{Workbook, plain, rich};
use crate::limits::{CELL_CHARACTERS_MAX, CELLS_MAX, WORKBOOK_ROW_MAX};

const BROKEN: Problem = Problem::File("a sheet of it ends before its last cell");
const ORDER: Problem = Problem::File("the cells of a sheet are out of order, or one is there twice");
const FAR: Problem = Problem::File("a row of it stands behind the last that a spreadsheet has");

/// How much a sheet may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Rows that hold something.
    pub rows: usize,
    /// Bytes of all cells.
    pub bytes: u64,
}

/// Reads a sheet. It keeps track of where it is, for cells need not say it.
struct Reader<'a> {
    markup: Markup<'a>,
    workbook: &'a Workbook,
    left: u64,
    /// The row and the column that come next.
    next: (u64, usize),
}

/// The rows of a sheet that hold something.
pub(super) fn cells(bytes: &[u8], workbook: &Workbook, bounds: Bounds) -> Result<Vec<Row>, Problem> {
    let mut reader = Reader { markup: Markup::new(bytes)?, workbook, left: bounds.bytes, next: (0, 0) };
    let mut rows = Vec::new();
    while let Some(event) = reader.markup.next()? {
        match event {
            Event::Start(element) if element.name == "row" => {
                let named = element.attribute("r")?.map(|it| it.parse::<u64>().ok());
                let row = match named {
                    Some(number) => number.and_then(|it| it.checked_sub(1)).ok_or(ORDER)?,
                    None => reader.next.0,
                };
                if row < reader.next.0 {
                    return Err(ORDER);
                }
                // Said or counted: a number above it has no name, and none behind it.
                if row >= WORKBOOK_ROW_MAX {
                    return Err(FAR);
                }
                reader.next = (row, 0);
                let cells = reader.row()?;
                reader.next.0 = row + 1;
                if cells.iter().any(|cell| cell.wrong.is_some() || !cell.text.trim().is_empty()) {
                    if rows.len() == bounds.rows {
                        return Err(Problem::Cell(name(row, 0), "there are too many rows"));
                    }
                    rows.push((row + 1, cells));
                }
            }
            Event::End("sheetData") => return Ok(rows),
            _ => {}
        }
    }
    Err(BROKEN)
}

impl Reader<'_> {
    fn row(&mut self) -> Result<Vec<Cell>, Problem> {
        let mut cells = Vec::new();
        loop {
            match self.markup.next()?.ok_or(BROKEN)? {
                Event::Start(element) if element.name == "c" => {
                    let column = self.column(&element)?;
                    let at = name(self.next.0, column);
                    let cell = self.cell(&element, &at)?;
                    self.next.1 = column + 1;
                    if cell == Cell::default() {
                        continue;
                    }
                    if column >= CELLS_MAX {
                        return Err(Problem::Cell(at, "no column of a sheet stands so far to the right"));
                    }
                    let length = cell.text.len() as u64;
                    self.left =
                        self.left.checked_sub(length).ok_or(Problem::File("its cells hold too much"))?;
                    if cell.text.encode_utf16().count() > CELL_CHARACTERS_MAX {
                        return Err(Problem::Cell(at, "it has more characters than a spreadsheet takes"));
                    }
                    cells.resize(column, Cell::default());
                    cells.push(cell);
                }
                Event::End("row") => return Ok(cells),
                _ => {}
            }
        }
    }

    /// Which column a cell says that it is in.
    fn column(&self, element: &Element<'_>) -> Result<usize, Problem> {
        let Some(named) = element.attribute("r")? else { return Ok(self.next.1) };
        let letters = named.bytes().take_while(u8::is_ascii_uppercase);
        let column = letters.take(4).fold(0, |sum, letter| 26 * sum + usize::from(letter - b'A') + 1);
        let column = column.checked_sub(1).filter(|it| *it >= self.next.1).ok_or(ORDER)?;
        if *named == name(self.next.0, column) { Ok(column) } else { Err(ORDER) }
    }

    fn cell(&mut self, element: &Element<'_>, at: &str) -> Result<Cell, Problem> {
        let kind = element.attribute("t")?.unwrap_or_default();
        let form = element.attribute("s")?.and_then(|it| it.parse::<usize>().ok()).unwrap_or_default();
        let (mut value, mut inside, mut is_computed) = (None, None, false);
        loop {
            match self.markup.next()?.ok_or(BROKEN)? {
                Event::Start(Element { name: "v", .. }) => value = Some(self.markup.text("v")?),
                Event::Start(Element { name: "is", .. }) => inside = Some(rich(&mut self.markup, "is")?),
                Event::Start(Element { name: "f", .. }) => is_computed = true,
                Event::End("c") => break,
                _ => {}
            }
        }
        let text = |text: String| Cell { text, wrong: None };
        let wrong = |reason| Ok(Cell { text: String::new(), wrong: Some(reason) });
        let value = match (&*kind, value) {
            ("inlineStr", _) => return Ok(text(inside.unwrap_or_default())),
            (_, None) if is_computed => return wrong(NO_VALUE),
            // Programs that do not compute write a formula with an empty value.
            ("" | "n", Some(value)) if is_computed && value.trim().is_empty() => return wrong(NO_VALUE),
            (_, None) => return Ok(Cell::default()),
            (_, Some(value)) => value,
        };
        match &*kind {
            "s" => {
                let shared = value.trim().parse().ok().and_then(|it: usize| self.workbook.texts.get(it));
                shared
                    .cloned()
                    .map(text)
                    .ok_or_else(|| Problem::Cell(at.to_owned(), "its text is not in the file"))
            }
            "str" => Ok(text(plain(&value))),
            "b" => wrong("true or false stands there"),
            "e" => wrong("an error stands there"),
            "d" => wrong(DATE),
            "" | "n" if value.trim().is_empty() => Ok(Cell::default()),
            "" | "n" if self.workbook.dates.get(form) == Some(&true) => wrong(DATE),
            "" | "n" => match value.trim().parse::<f64>() {
                // The digits of a whole number, whatever it was written as: 5, 5.0, 5E0.
                Ok(number) if number.is_finite() => Ok(text(number.to_string())),
                _ => wrong("its number is none"),
            },
            _ => wrong("what stands there is of a kind that spreadsheets do not write"),
        }
    }
}

const NO_VALUE: &str = "a formula stands there, without the value that it had";
/// What a spreadsheet makes of 3/5.
const DATE: &str = "a date stands there, which a spreadsheet makes of 3/5";
