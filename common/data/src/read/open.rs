//! Which reader a file gets: told by its first bytes where they are unmistakable, else by its extension, else
//! by its first character. Called by `read`. Invariant: a file of another kind is refused with its kind
//! named, not with a syntax error.

use std::path::Path;

use super::csv::CsvRecords;
use super::encoding::{self, Detected};
use super::json::JsonRecords;
use super::options::ReadOptions;
use super::parquet::ParquetRecords;
use super::raw::OpenFile;
use super::report::{FileKind, FileReport};
use super::source::Source;
use crate::error::{DataError, Result};

enum Family {
    Json,
    Csv,
    Parquet,
}

/// First bytes of files that are often exported by mistake.
const FOREIGN: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "it is an Excel workbook or a ZIP file; export it as CSV, or unpack it"),
    (b"\xD0\xCF\x11\xE0", "it is an old Excel or Word file; export it as CSV"),
    (b"\x1F\x8B", "it is compressed with gzip; unpack it first"),
    (b"\x28\xB5\x2F\xFD", "it is compressed with zstd; unpack it first"),
    (b"BZh", "it is compressed with bzip2; unpack it first"),
    (b"\xFD7zXZ", "it is compressed with xz; unpack it first"),
    (b"%PDF", "it is a PDF; export the records as JSONL or CSV"),
    (b"SQLite format 3", "it is a database; export the records as JSONL or CSV"),
];

/// Opens a file and notes in the report what it is.
pub(super) fn file(path: &Path, options: &ReadOptions, report: &mut FileReport) -> Result<OpenFile> {
    let source = Source::open(path)?;
    report.bytes = source.bytes();
    let family = family(&source)?;
    if let Family::Parquet = family {
        report.kind = Some(FileKind::Parquet);
        let rows = ParquetRecords::new(&source)?;
        return Ok(OpenFile { source, rows: Box::new(rows) });
    }
    let detected = match options.encoding {
        Some(encoding) => Detected { encoding, mark_bytes: encoding::mark_bytes(&source, encoding)? },
        None => encoding::detect(&source)?,
    };
    report.encoding = Some(detected.encoding);
    report.has_byte_order_mark = detected.mark_bytes > 0;
    let text = encoding::text(&source, detected);
    if let Family::Csv = family {
        let rows = CsvRecords::new(path, text)?;
        report.kind = Some(FileKind::Csv { delimiter: rows.delimiter() });
        report.nameless_columns = rows.nameless();
        return Ok(OpenFile { source, rows: Box::new(rows) });
    }
    let rows = JsonRecords::new(path, encoding::text(&source, detected), text, options)?;
    report.kind = Some(rows.kind());
    Ok(OpenFile { source, rows: Box::new(rows) })
}

fn family(source: &Source) -> Result<Family> {
    let head = source.sample(0, 64)?;
    if let Some((_, reason)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(DataError::whole_file(source.path(), *reason));
    }
    if head.starts_with(b"PAR1") {
        return Ok(Family::Parquet);
    }
    let extension = source.path().extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "json" | "jsonl" | "ndjson" => Ok(Family::Json),
        "csv" | "tsv" => Ok(Family::Csv),
        "parquet" => {
            let reason = "it is no Parquet file, or damaged: it does not begin as one";
            Err(DataError::whole_file(source.path(), reason))
        }
        // Behind a byte order mark and white space, in any of the encodings.
        _ => match head
            .iter()
            .find(|byte| !matches!(byte, 0 | 0x20 | 0x09..=0x0D | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF))
        {
            None | Some(b'{' | b'[') => Ok(Family::Json),
            Some(_) => {
                let reason =
                    "it is not told what it is; give it the extension .jsonl, .json, .csv, .tsv or .parquet";
                Err(DataError::whole_file(source.path(), reason))
            }
        },
    }
}
