//! Looks at a Parquet file's footer and at the header of every page before the library believes them. Called
//! by `parquet`. Source: parquet-format, parquet.thrift. Invariants: what passes needs at most
//! [`PARQUET_PAGE_BYTES_MAX`] for a page and a bounded number of values for a row; looking reads headers
//! only, except of gzip pages, whose size the library does not bound and which are therefore unpacked once to
//! count.

use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::thrift::{Cursor, Fault, I32, LIST, STRUCT};
use crate::error::{DataError, Result};
use crate::limits::{
    COLUMNS_MAX, PARQUET_FOOTER_BYTES_MAX, PARQUET_PAGE_BYTES_MAX, PARQUET_PAGE_HEADER_BYTES_MAX,
    PARQUET_PAGE_VALUES_MAX, PARQUET_RATIO_MAX, PARQUET_REPEATED_VALUES_MAX, PARQUET_SCHEMA_DEPTH_MAX,
};
use crate::read::source::Source;

const MAGIC: &[u8; 4] = b"PAR1";

fn fault(source: &Source, reason: impl Into<String>) -> DataError {
    DataError::whole_file(source.path(), reason)
}

/// Checks the footer's length and the depth of the schema, which the library builds by recursion.
pub(super) fn footer(source: &Source) -> Result<()> {
    let size = source.bytes();
    let tail = source.sample(size.saturating_sub(8), 8)?;
    let (Some(length), Some(magic)) = (tail.first_chunk::<4>(), tail.last_chunk::<4>()) else {
        return Err(fault(source, "the Parquet file ends too early"));
    };
    if magic != MAGIC || size < 12 {
        return Err(fault(source, "the Parquet file ends too early: it has no footer"));
    }
    let length = u64::from(u32::from_le_bytes(*length));
    if length > PARQUET_FOOTER_BYTES_MAX {
        return Err(fault(source, "the Parquet file's footer is longer than 16 MiB"));
    }
    let start = size
        .checked_sub(8 + length)
        .ok_or_else(|| fault(source, "the Parquet file is damaged: its footer"))?;
    let bytes = source.sample(start, usize::try_from(length).unwrap_or(usize::MAX))?;
    match schema_depth(&bytes) {
        Ok(depth) if depth <= PARQUET_SCHEMA_DEPTH_MAX => Ok(()),
        Ok(_) => Err(fault(source, "the Parquet file's columns are nested too deeply")),
        Err(_) => Err(fault(source, "the Parquet file is damaged: its footer")),
    }
}

/// The deepest level of the flattened schema tree (FileMetaData.schema, SchemaElement.num_children).
fn schema_depth(footer: &[u8]) -> std::result::Result<usize, Fault> {
    const SCHEMA: i16 = 2;
    const NUM_CHILDREN: i16 = 5;
    // Children that each open level still expects.
    let mut open: Vec<i64> = Vec::new();
    let mut deepest = 0;
    Cursor::new(footer).fields(&mut |cursor, id, kind| {
        if (id, kind) != (SCHEMA, LIST) {
            return Ok(false);
        }
        let (length, element) = cursor.list()?;
        if element != STRUCT {
            return Err(Fault::Broken);
        }
        for _ in 0..length {
            let mut children = 0;
            cursor.fields(&mut |cursor, id, kind| {
                let is_children = (id, kind) == (NUM_CHILDREN, I32);
                if is_children {
                    children = cursor.integer()?;
                }
                Ok(is_children)
            })?;
            while open.last().is_some_and(|left| *left <= 0) {
                open.pop();
            }
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            deepest = deepest.max(open.len());
            if deepest > PARQUET_SCHEMA_DEPTH_MAX {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    Ok(deepest)
}

/// What a page's header says.
#[derive(Debug, Default)]
struct PageHeader {
    uncompressed: i64,
    compressed: i64,
    values: i64,
    is_dictionary: bool,
    /// Bytes of levels before the compressed part (data page v2).
    levels: i64,
    header_bytes: usize,
}

impl PageHeader {
    fn parse(bytes: &[u8]) -> std::result::Result<Self, Fault> {
        const DATA: i16 = 5;
        const DICTIONARY: i16 = 7;
        const DATA_V2: i16 = 8;
        let mut header = Self::default();
        let mut cursor = Cursor::new(bytes);
        cursor.fields(&mut |cursor, id, kind| {
            match (id, kind) {
                (2, I32) => header.uncompressed = cursor.integer()?,
                (3, I32) => header.compressed = cursor.integer()?,
                (DATA | DICTIONARY | DATA_V2, STRUCT) => {
                    header.is_dictionary |= id == DICTIONARY;
                    cursor.fields(&mut |cursor, inner, kind| {
                        match (inner, kind) {
                            (1, I32) => header.values = cursor.integer()?,
                            (5 | 6, I32) if id == DATA_V2 => header.levels += cursor.integer()?,
                            _ => return Ok(false),
                        }
                        Ok(true)
                    })?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        header.header_bytes = cursor.position();
        Ok(header)
    }

    /// Whether a reader that allocates what the header claims stays within its memory.
    fn is_plausible(&self, remaining: u64) -> bool {
        let within = |value: i64, most: u64| u64::try_from(value).is_ok_and(|value| value <= most);
        within(self.uncompressed, PARQUET_PAGE_BYTES_MAX)
            && within(self.compressed, remaining)
            && within(self.levels, PARQUET_PAGE_BYTES_MAX)
            // Each value of a dictionary takes at least a byte of it; a run of values in a data page takes
            // almost none.
            && within(self.values, if self.is_dictionary { self.uncompressed.unsigned_abs() } else { PARQUET_PAGE_VALUES_MAX })
    }
}

/// Walks over all pages of all columns.
pub(super) fn pages(source: &Source, metadata: &ParquetMetaData) -> Result<()> {
    if metadata.file_metadata().schema_descr().num_columns() > COLUMNS_MAX {
        return Err(fault(source, "the Parquet file has too many columns"));
    }
    let mut unpacked = 0;
    for group in metadata.row_groups() {
        for column in group.columns() {
            let (bytes, values) = chunk(source, column)?;
            unpacked += bytes;
            let is_repeated = column.column_descr().max_rep_level() > 0;
            if is_repeated && values > PARQUET_REPEATED_VALUES_MAX {
                let reason = "a row group of the Parquet file has more than 8,388,608 list elements in a column; \
                              write it with smaller row groups";
                return Err(fault(source, reason));
            }
        }
    }
    // A file whose content fits in one page is accepted, however small it is packed.
    if unpacked > source.bytes().saturating_mul(PARQUET_RATIO_MAX).max(PARQUET_PAGE_BYTES_MAX) {
        return Err(fault(
            source,
            "the Parquet file unpacks to more than 1,000 times its size; it is taken for a bomb",
        ));
    }
    Ok(())
}

/// Unpacked bytes and values of a column's pages in a row group.
fn chunk(source: &Source, column: &ColumnChunkMetaData) -> Result<(u64, u64)> {
    let damaged =
        || fault(source, "the Parquet file is damaged: a column lies outside the file or its pages disagree");
    match column.compression() {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) | Compression::LZ4_RAW => {}
        Compression::GZIP(_) => {}
        _ => {
            let reason = "the Parquet file's compression is not supported; write it with zstd or snappy";
            return Err(fault(source, reason));
        }
    }
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let mut position = u64::try_from(start).map_err(|_| damaged())?;
    let mut remaining = u64::try_from(column.compressed_size()).map_err(|_| damaged())?;
    if position.checked_add(remaining).is_none_or(|end| end > source.bytes()) {
        return Err(fault(source, "the Parquet file ends too early"));
    }
    let (mut unpacked, mut values) = (0_u64, 0_u64);
    while remaining > 0 {
        let header = page_header(source, position, remaining)?.ok_or_else(damaged)?;
        let header_bytes = header.header_bytes as u64;
        if !header.is_plausible(remaining.saturating_sub(header_bytes)) {
            let reason = "the Parquet file has a page that claims more than 64 MiB, more values than fit, or more bytes \
                          than its column; it is damaged or a bomb";
            return Err(fault(source, reason));
        }
        if let Compression::GZIP(_) = column.compression() {
            check_gzip(source, position + header_bytes, &header)?;
        }
        unpacked = unpacked.saturating_add(header.uncompressed.unsigned_abs());
        if !header.is_dictionary {
            values = values.saturating_add(header.values.unsigned_abs());
        }
        let page = header_bytes + header.compressed.unsigned_abs();
        position += page;
        remaining = remaining.checked_sub(page).ok_or_else(damaged)?;
    }
    Ok((unpacked, values))
}

/// The header at a position; `None` where there is none. Most have some dozen bytes; statistics can make them
/// longer.
fn page_header(source: &Source, position: u64, remaining: u64) -> Result<Option<PageHeader>> {
    const USUAL_BYTES: usize = 512;
    for window in [USUAL_BYTES, PARQUET_PAGE_HEADER_BYTES_MAX] {
        let window = window.min(usize::try_from(remaining).unwrap_or(usize::MAX));
        match PageHeader::parse(&source.sample(position, window)?) {
            Ok(header) => return Ok(Some(header)),
            Err(Fault::Short) => {}
            Err(Fault::Broken) => return Ok(None),
        }
    }
    Ok(None)
}

/// Unpacks a gzip page, stopping at one byte more than it claims.
fn check_gzip(source: &Source, position: u64, header: &PageHeader) -> Result<()> {
    let claimed = (header.uncompressed - header.levels).max(0).unsigned_abs();
    let packed = (header.compressed - header.levels).max(0).unsigned_abs();
    if claimed == 0 {
        return Ok(());
    }
    let bytes = source
        .sample(position + header.levels.unsigned_abs(), usize::try_from(packed).unwrap_or(usize::MAX))?;
    let unpacked =
        std::io::copy(&mut MultiGzDecoder::new(bytes.as_slice()).take(claimed + 1), &mut std::io::sink());
    match unpacked {
        Ok(unpacked) if unpacked == claimed => Ok(()),
        Ok(_) => Err(fault(
            source,
            "the Parquet file has a page that is larger than it claims; it is damaged or a bomb",
        )),
        Err(_) => Err(fault(source, "the Parquet file is damaged: a page cannot be unpacked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer whose schema elements have these numbers of children.
    fn schema(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x29, 0xfc];
        let mut length = children.len();
        while length >= 0x80 {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        for count in children {
            // field 5, i32, zigzag; stop
            bytes.extend([0x55, count * 2, 0]);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn the_depth_of_a_schema_is_known_before_it_is_built() {
        assert_eq!(schema_depth(&schema(&[2, 0, 0])), Ok(1));
        assert_eq!(schema_depth(&schema(&[2, 1, 1, 0, 0])), Ok(3));
        assert_eq!(schema_depth(&schema(&[3, 1, 0, 1, 0, 0])), Ok(2));
        assert!(schema_depth(&schema(&[1; 5000])).is_ok_and(|depth| depth > PARQUET_SCHEMA_DEPTH_MAX));
        assert!(schema_depth(&[0x29, 0xfc, 0xff]).is_err());
    }

    #[test]
    fn page_headers_that_claim_too_much_are_implausible() {
        let header = |uncompressed, compressed, values, is_dictionary| PageHeader {
            uncompressed,
            compressed,
            values,
            is_dictionary,
            ..PageHeader::default()
        };
        assert!(header(1 << 20, 1000, 20_000, false).is_plausible(1000));
        assert!(!header(1 << 20, 1001, 20_000, false).is_plausible(1000));
        assert!(!header((1 << 26) + 1, 10, 1, false).is_plausible(1000));
        assert!(!header(-1, 10, 1, false).is_plausible(1000));
        assert!(!header(10, -10, 1, false).is_plausible(1000));
        assert!(!header(100, 10, 101, true).is_plausible(1000), "a dictionary of more values than bytes");
        assert!(header(100, 10, 100_000, false).is_plausible(1000), "a run of equal values");
        assert!(!header(100, 10, i64::from(i32::MAX), false).is_plausible(1000));
    }
}
