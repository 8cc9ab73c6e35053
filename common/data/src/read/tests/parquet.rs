//! Tests of Parquet: flat and nested rows in all compressions, damaged files of every kind, bombs.

use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::support::{Files, brief, refused};
use crate::error::DataError;
use crate::limits::RECORD_BYTES_MAX;
use crate::read::{FileKind, ReadOptions, read_all};
use crate::record::Date;
use crate::refusal::Refusal;

/// A column's values with its definition and repetition levels.
enum Column {
    Text(Vec<ByteArray>, Vec<i16>, Vec<i16>),
    Int(Vec<i32>, Vec<i16>),
}

fn texts(values: &[&str]) -> Vec<ByteArray> {
    values.iter().map(|text| ByteArray::from(*text)).collect()
}

/// Writes row groups of columns.
fn write(path: &Path, schema: &str, properties: WriterProperties, groups: &[Vec<Column>]) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    for group in groups {
        let mut row_group = writer.next_row_group().unwrap();
        for column in group {
            let mut out = row_group.next_column().unwrap().unwrap();
            match column {
                Column::Text(values, definitions, repetitions) => {
                    let repetitions = (!repetitions.is_empty()).then_some(repetitions.as_slice());
                    out.typed::<ByteArrayType>().write_batch(values, Some(definitions), repetitions).unwrap();
                }
                Column::Int(values, definitions) => {
                    out.typed::<Int32Type>().write_batch(values, Some(definitions), None).unwrap();
                }
            }
            out.close().unwrap();
        }
        row_group.close().unwrap();
    }
    writer.close().unwrap();
}

const CONVERSATIONS: &str = "message m {
  optional group conversations (LIST) {
    repeated group list { optional group element { optional binary from (UTF8); optional binary value (UTF8); } }
  }
  optional binary instruction (UTF8); optional binary output (UTF8); optional int32 date (DATE);
}";

/// A conversation of two exchanges, an Alpaca record, and one without an answer, in two row groups.
fn conversations(path: &Path, compression: Compression) {
    let none = || vec![0, 0, 0];
    let group = |texts: [Vec<ByteArray>; 4], dates: Vec<i32>| {
        let [from, value, instruction, output] = texts;
        // Row 1 has four turns (levels 4), rows 2 and 3 have no list (level 0).
        let (definitions, repetitions) = (vec![4, 4, 4, 4, 0, 0], vec![0, 1, 1, 1, 0, 0]);
        vec![
            Column::Text(from, definitions.clone(), repetitions.clone()),
            Column::Text(value, definitions, repetitions),
            Column::Text(instruction, vec![0, 1, 1], Vec::new()),
            Column::Text(output, vec![0, 1, 1], Vec::new()),
            if dates.is_empty() { Column::Int(dates, none()) } else { Column::Int(dates, vec![1, 0, 1]) },
        ]
    };
    let make = |dates| {
        let turns = texts(&["human", "gpt", "human", "gpt"]);
        let said = texts(&["头痛", "多久", "三天", "休息"]);
        group([turns, said, texts(&["q", "q"]), texts(&["a", " "])], dates)
    };
    let properties = WriterProperties::builder().set_compression(compression).build();
    write(path, CONVERSATIONS, properties, &[make(Vec::new()), make(vec![19_787, 0])]);
}

const COMPRESSIONS: [fn() -> Compression; 5] = [
    || Compression::UNCOMPRESSED,
    || Compression::SNAPPY,
    || Compression::ZSTD(ZstdLevel::default()),
    || Compression::LZ4_RAW,
    || Compression::GZIP(parquet::basic::GzipLevel::default()),
];

#[test]
fn rows_are_read_in_every_compression() {
    let files = Files::new();
    for compression in COMPRESSIONS {
        let path = files.path("a.parquet");
        conversations(&path, compression());
        let dataset = read_all(&[&path], &ReadOptions::default()).unwrap();
        let expected = ["u:头痛|a:多久|u:三天|a:休息", "u:q|a:a"];
        assert_eq!(brief(&dataset), [expected, expected].concat(), "{:?}", compression());
        assert_eq!(refused(&dataset), [(3, Refusal::EmptyAnswer), (6, Refusal::EmptyAnswer)]);
        assert_eq!(dataset.files[0].kind, Some(FileKind::Parquet));
        assert_eq!(dataset.files[0].encoding, None);
        assert_eq!(dataset.records[2].date, Some(Date { year: 2024, month: 3, day: 5 }));
        assert_eq!(dataset.records[2].place.line, 4);
        assert_eq!(dataset.records[0].fields[3].path, "conversations[3].value");
    }
}

#[test]
fn parquet_is_recognised_by_its_bytes_and_missed_by_its_name() {
    let files = Files::new();
    conversations(&files.path("a.json"), Compression::SNAPPY);
    assert_eq!(read_all(&[files.path("a.json")], &ReadOptions::default()).unwrap().records.len(), 4);
    let error = files.read("b.parquet", "{\"text\":\"a\"}").unwrap_err();
    assert!(error.to_string().contains("no Parquet file"), "{error}");
}

/// Reads damaged bytes: an error or refusals, no panic; returns whether anything was noticed.
fn survives(files: &Files, bytes: &[u8]) -> bool {
    match files.read("damaged.parquet", bytes) {
        Ok(dataset) => dataset.records.len() != 4,
        Err(error) => {
            assert!(matches!(error, DataError::File { .. }) && error.is_user_error(), "{error}");
            true
        }
    }
}

#[test]
fn damaged_files_are_errors_and_never_a_panic() {
    let files = Files::new();
    let path = files.path("a.parquet");
    conversations(&path, Compression::ZSTD(ZstdLevel::default()));
    let whole = std::fs::read(&path).unwrap();
    for end in 0..whole.len() {
        // A file without its first bytes is not told to be Parquet at all, which its name then says.
        assert!(survives(&files, &whole[..end]), "cut at {end}");
    }
    // Pages carry no check sum that is looked at, so that a change of a text goes unnoticed; of the rest
    // little does.
    let mut noticed = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= [0x01, 0x80, 0xff][at % 3];
        noticed += usize::from(survives(&files, &bytes));
    }
    assert!(noticed * 10 > whole.len(), "only {noticed} of {} changes were noticed", whole.len());
}

const FLAT: &str = "message m { optional binary text (UTF8); }";

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let files = Files::new();
    let path = files.path("bomb.parquet");
    let read = || read_all(&[&path], &ReadOptions::default());
    let zstd = || WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    // One value of 100 MB of zeros: a page of 100 MB in 10 KB.
    let huge = ByteArray::from(vec![b'0'; 100 << 20]);
    let properties = zstd().set_dictionary_enabled(false).build();
    write(&path, FLAT, properties, &[vec![Column::Text(vec![huge], vec![1], Vec::new())]]);
    assert!(std::fs::metadata(&path).unwrap().len() < 100_000);
    let error = read().unwrap_err();
    assert!(error.to_string().contains("more than 64 MiB"), "{error}");
    // Pages of 1 MiB each, together 2,000 times the file.
    let value = ByteArray::from(vec![b'0'; 1 << 20]);
    let properties =
        zstd().set_dictionary_enabled(false).set_write_batch_size(1).set_data_page_row_count_limit(1).build();
    write(&path, FLAT, properties, &[vec![Column::Text(vec![value; 100], vec![1; 100], Vec::new())]]);
    let error = read().unwrap_err();
    assert!(error.to_string().contains("1,000 times its size"), "{error}");
    // A dictionary word of 900 KB in each of 10,000 rows costs nothing in the file, and one record at a time
    // here.
    let value = ByteArray::from(vec![b'a'; 900_000]);
    let properties = zstd().set_dictionary_page_size_limit(4 << 20).build();
    write(&path, FLAT, properties, &[vec![Column::Text(vec![value; 10_000], vec![1; 10_000], Vec::new())]]);
    assert!(std::fs::metadata(&path).unwrap().len() < 10_000);
    let mut records = crate::read::open(&[&path], &ReadOptions::default());
    assert_eq!(records.by_ref().take(50).filter(|item| item.is_ok()).count(), 50);
}

#[test]
fn a_row_that_is_too_long_is_refused_and_the_next_one_read() {
    let files = Files::new();
    let path = files.path("a.parquet");
    let long = ByteArray::from(vec![b'a'; RECORD_BYTES_MAX + 1]);
    let values = vec![long, ByteArray::from("short")];
    let group = vec![Column::Text(values, vec![1, 1], Vec::new())];
    write(&path, FLAT, WriterProperties::builder().build(), &[group]);
    let dataset = read_all(&[&path], &ReadOptions::default()).unwrap();
    assert_eq!(
        (brief(&dataset), refused(&dataset)),
        (vec!["=short".to_owned()], vec![(1, Refusal::TooLong)])
    );
}

/// `deploy/fuzz seeds` writes them anew when the writer changes.
#[test]
fn fuzz_seeds_of_tables_are_those_of_today() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds/parquet");
    for (index, compression) in COMPRESSIONS.iter().enumerate() {
        let (files, name) = (Files::new(), format!("{index}.parquet"));
        let made = files.path(&name);
        conversations(&made, compression());
        if std::env::var_os("CONSILIUM_ACCEPT_SEEDS").is_some() {
            std::fs::copy(&made, folder.join(&name)).unwrap();
        }
        assert_eq!(std::fs::read(&made).unwrap(), std::fs::read(folder.join(&name)).unwrap(), "{name}");
    }
}
