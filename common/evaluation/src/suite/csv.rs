//! Tables with a header, quotes and line feeds inside cells (RFC 4180). Used by `layout` for CMExam
//! and by `grades`.

use csv_core::{ReadRecordResult, Reader};

use crate::limits::{CELLS_MAX, LINE_BYTES_MAX};

/// The rows of a table with the line on which each begins, counted from 1. The error is the line of a row
/// that has too many cells or bytes, or of the first row behind the header and `most` others.
pub(super) fn rows(text: &str, most: usize) -> Result<Vec<(u64, Vec<String>)>, u64> {
    let (mut rows, mut reader) = (Vec::new(), Reader::new());
    let (mut input, mut output) = (text.as_bytes(), vec![0_u8; 4096]);
    let (mut ends, mut written, mut cells) = (vec![0_usize; 64], 0, 0);
    let mut begun = reader.line();
    loop {
        let (result, read, wrote, ended) =
            reader.read_record(input, &mut output[written..], &mut ends[cells..]);
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
                begun = reader.line();
            }
            ReadRecordResult::End => return Ok(rows),
        }
        if rows.len() > most + 1 || cells > CELLS_MAX || written > LINE_BYTES_MAX {
            return Err(begun);
        }
    }
}
