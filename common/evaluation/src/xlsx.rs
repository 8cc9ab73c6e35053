//! Workbooks (Office Open XML, ECMA-376), as much of them as a table needs: a sheet of texts, numbers and
//! dates is read, and one of texts is written. Called by `review`.
//!
//! | module | from | to |
//! |---|---|---|
//! | `archive` | the file, a ZIP | the bytes of one part, unpacked under a bound |
//! | `markup` | a part's text, XML | its elements, one after the other |
//! | [`read`] | the file | the rows of the sheet that is meant |
//! | [`write()`] | rows | the file, the same bytes for the same rows |
//!
//! Invariants: nothing is unpacked but the parts that a table is in, so no macro, picture or link is ever
//! looked at; what they unpack to and what their cells hold together is bounded; no formula is computed, the
//! value that was stored with it counts; a cell that is no text or number says so when it is asked for.

mod archive;
mod cell;
mod cells;
mod markup;
mod pack;
mod parts;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use self::cell::{Cell, Problem, Row, is_old, is_zip, name};
pub(crate) use self::markup::escaped;
pub(crate) use self::read::read;
pub(crate) use self::write::{Column, Sheet, write};
