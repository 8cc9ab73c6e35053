//! What is read of a workbook, what its places are called, and why it is not read. Used by the other files of
//! `xlsx` and by `review`. Invariant: a cell that is no text and no number has none, and says why.

/// A row that holds something, and where it stands, counted from 1.
pub(crate) type Row = (u64, Vec<Cell>);

/// What one cell holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its text, of a number its digits.
    pub text: String,
    /// Why it is neither.
    pub wrong: Option<&'static str>,
}

/// Why a workbook is not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The file as a whole.
    File(&'static str),
    /// A cell, by its name.
    Cell(String, &'static str),
}

/// What a cell is called, `B12`; row and column count from 0.
pub(crate) fn name(row: u64, column: usize) -> String {
    let (mut letters, mut left) = (Vec::new(), column + 1);
    while left > 0 {
        left -= 1;
        letters.push(b'A' + (left % 26) as u8);
        left /= 26;
    }
    letters.reverse();
    format!("{}{}", String::from_utf8_lossy(&letters), row + 1)
}

/// Whether a file begins as a ZIP does, which a workbook is.
pub(crate) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// Whether it begins as the files of older spreadsheets do, and those that a password closes.
pub(crate) fn is_old(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1])
}
