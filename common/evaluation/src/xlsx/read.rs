//! Reads the rows of one sheet of a workbook. Called by `review`. Invariant: which sheet is read is said by
//! its name, or there is only one.

use super::archive::Archive;
use super::cell::{Problem, Row};
use super::cells::{Bounds, cells};
use super::parts::Workbook;

/// The rows that hold something, of the sheet called `sheet`, or of the only one; `rows` at most, and
/// `bytes` in all its cells and in every part that is unpacked for it.
pub(crate) fn read(file: &[u8], sheet: &str, rows: usize, bytes: u64) -> Result<Vec<Row>, Problem> {
    let mut archive = Archive::open(file, bytes)?;
    let workbook = Workbook::read(&mut archive)?;
    let part = match workbook.sheets.as_slice() {
        [(_, only)] => only,
        sheets => {
            let mut named = sheets.iter().filter(|(name, _)| name == sheet);
            match (named.next(), named.next()) {
                (Some((_, part)), None) => part,
                _ => return Err(Problem::File("none of its sheets has the name that it was given out with")),
            }
        }
    };
    let part = archive.part(part)?.ok_or(Problem::File("its sheet is missing"))?;
    cells(&part, &workbook, Bounds { rows, bytes })
}
