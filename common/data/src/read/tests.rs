//! Tests of the JSON reader: formats, both layouts, refusals by code, broken files by line number, and that
//! no message carries a word of a record.

mod csv;
mod formats;
mod layouts;
mod mapping;
mod mix;
mod parquet;
mod reasoning;
mod robust;
mod support;

use std::io::BufReader;
use std::path::Path;

use proptest::prelude::*;

use super::json::JsonRecords;
use super::*;
use crate::record::Role;

/// Reads a text as a file, and again with a tiny buffer, so that records span several reads.
fn read(text: &str) -> Result<Dataset> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.jsonl");
    std::fs::write(&path, text).unwrap();
    let dataset = read_all(&[&path], &ReadOptions::default());
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let small = BufReader::with_capacity(7, &text.as_bytes()[mark..]);
    let pieces: Result<Vec<Raw>> =
        JsonRecords::new(Path::new("data.jsonl"), &text.as_bytes()[mark..], small, &ReadOptions::default())
            .and_then(Iterator::collect);
    match (&dataset, &pieces) {
        (Ok(dataset), Ok(pieces)) => {
            assert_eq!(dataset.records.len() + dataset.refused.len(), pieces.len());
        }
        (Err(DataError::File { line, reason, .. }), Err(DataError::File { line: l, reason: r, .. })) => {
            assert_eq!((line, reason), (l, r));
        }
        _ => panic!("the size of the buffer changes what is read"),
    }
    dataset
}

fn only(text: &str) -> std::result::Result<Vec<(Role, String)>, Refusal> {
    let dataset = read(text).unwrap();
    match dataset.records.first() {
        Some(record) => Ok(record.messages()),
        None => Err(dataset.refused[0].1),
    }
}

fn turns(expected: &[(Role, &str)]) -> Vec<(Role, String)> {
    expected.iter().map(|(role, text)| (*role, (*text).to_owned())).collect()
}

#[test]
fn the_three_formats_mean_what_the_reference_says() {
    use Role::{Assistant, System, Tool, User};
    let cases: [(&str, &[(Role, &str)]); 8] = [
        (r#"{"instruction":"a","input":"","output":"b"}"#, &[(User, "a"), (Assistant, "b")]),
        (r#"{"instruction":"a","input":"x","output":" b "}"#, &[(User, "a\nx"), (Assistant, " b ")]),
        (
            r#"{"system":"","instruction":"a","output":"b","department":"c"}"#,
            &[(User, "a"), (Assistant, "b")],
        ),
        (
            r#"{"system":"s","instruction":"a","input":null,"output":"b","history":[["q","r"]]}"#,
            &[(System, "s"), (User, "q"), (Assistant, "r"), (User, "a"), (Assistant, "b")],
        ),
        (
            r#"{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}],"system":"s"}"#,
            &[(System, "s"), (User, "a"), (Assistant, "b")],
        ),
        (
            r#"{"conversations":[{"from":"user","value":"a"},{"from":"assistant","value":"b"},
                {"from":"observation","value":"c"},{"from":"gpt","value":"d"}]}"#,
            &[(User, "a"), (Assistant, "b"), (Tool, "c"), (Assistant, "d")],
        ),
        (
            r#"{"messages":[{"role":"system","content":""},{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#,
            &[(System, ""), (User, "a"), (Assistant, "b")],
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
                {"role":"assistant","content":"c"}]}"#,
            &[(User, "ab"), (Assistant, "c")],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(only(&text.replace('\n', " ")), Ok(turns(expected)), "{text}");
        assert_eq!(only(&format!("[{text}]")), Ok(turns(expected)), "{text}");
    }
}

#[test]
fn unusable_records_are_refused_with_a_code() {
    for (text, expected) in [
        (r#"{"note":"a","answer":"b"}"#, Refusal::UnknownFormat),
        ("[1]", Refusal::UnknownFormat),
        (r#"{"instruction":"a"}"#, Refusal::MissingKey),
        (r#"{"instruction":"a","output":3}"#, Refusal::WrongType),
        (r#"{"instruction":"a","output":"b","history":[["q"]]}"#, Refusal::WrongType),
        (r#"{"instruction":"a","output":" \n"}"#, Refusal::EmptyAnswer),
        (r#"{"instruction":" ","output":"b"}"#, Refusal::EmptyQuestion),
        (r#"{"conversations":[{"from":"bing","value":"a"}]}"#, Refusal::UnknownRole),
        (r#"{"conversations":[{"from":"human"}]}"#, Refusal::MissingKey),
        (r#"{"conversations":[]}"#, Refusal::NoAnswer),
        (r#"{"messages":[{"role":"system","content":"a"}]}"#, Refusal::NoAnswer),
        (r#"{"messages":[{"role":"user","content":"a"}]}"#, Refusal::NoAnswer),
        (r#"{"messages":[{"role":"assistant","content":"a"}]}"#, Refusal::NotAlternating),
        (
            r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}"#,
            Refusal::NotAlternating,
        ),
        (
            r#"{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"}]}"#,
            Refusal::NotAlternating,
        ),
        (r#"{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#, Refusal::WrongType),
    ] {
        assert_eq!(only(text), Err(expected), "{text}");
    }
}

const GOOD: &str = r#"{"instruction":"q","output":"a, ]}[{ \" \\"}"#;

#[test]
fn refused_records_carry_their_line_and_the_rest_is_used() {
    let dataset = read(&format!("\u{feff}\n{GOOD}\r\n\n{{}}\n{GOOD}")).unwrap();
    assert_eq!(dataset.records.len(), 2);
    assert_eq!(
        dataset.refused.iter().map(|(place, reason)| (place.line, *reason)).collect::<Vec<_>>(),
        [(4, Refusal::UnknownFormat)]
    );
    let dataset = read(&format!("\n[\n{GOOD},\n {{\n}} , {GOOD}\n]\n")).unwrap();
    assert_eq!(dataset.records.len(), 2);
    assert_eq!(dataset.records[0].messages()[1].1, "a, ]}[{ \" \\");
    assert_eq!(dataset.refused[0].0.line, 4);
}

#[test]
fn broken_json_is_an_error_with_its_line() {
    for (text, line) in [
        (format!("{GOOD}\n{{\"instruction\": CANARY}}\n"), 2),
        (format!("{GOOD}\n{GOOD}\n{{\"instruction\":\"CANARY"), 3),
        (format!("[\n{GOOD},\n{{\"output\":\n CANARY}}]"), 4),
        (format!("[\n{GOOD}\n{GOOD}]"), 3),
        (format!("[{GOOD}\n"), 2),
        (format!("[{GOOD},\n]"), 2),
        (format!("[{GOOD}]\nCANARY"), 2),
        ("CANARY".to_owned(), 1),
        ("[".to_owned(), 1),
        ("[}".to_owned(), 1),
        ("[,]".to_owned(), 1),
    ] {
        match read(&text).unwrap_err() {
            DataError::File { line: found, reason, .. } => {
                assert_eq!(found, line, "{text}");
                assert!(!reason.contains("CANARY"), "{reason}");
            }
            other => panic!("{other}"),
        }
    }
    let missing = read_all(&["/nowhere/x.jsonl"], &ReadOptions::default());
    assert!(matches!(missing, Err(DataError::Io { .. })));
}

#[test]
fn a_record_over_the_limit_is_refused_and_the_next_one_read() {
    let long = format!(r#"{{"instruction":"{}","output":"a"}}"#, "q".repeat(crate::limits::RECORD_BYTES_MAX));
    for text in [format!("{long}\n{GOOD}\n"), format!("[{long},\n{GOOD}]")] {
        let dataset = read(&text).unwrap();
        assert_eq!(dataset.records.len(), 1);
        assert_eq!((dataset.refused[0].0.line, dataset.refused[0].1), (1, Refusal::TooLong));
    }
}

#[test]
fn an_empty_dataset_is_an_error_only_where_it_is_asked() {
    for text in ["", " \n\n", "[]", " [ ]\n"] {
        let dataset = read(text).unwrap();
        assert!(dataset.records.is_empty() && dataset.refused.is_empty());
        let error = dataset.require_records().unwrap_err();
        assert!(error.to_string().contains("no records"), "{error}");
    }
    let error = read("{}\n{}").unwrap().require_records().unwrap_err();
    assert!(
        error.to_string().contains("all 2 records were refused, the first in")
            && error.to_string().contains("data.jsonl, line 1"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_survives_any_layout(texts in prop::collection::vec(("x\\PC{0,20}", "x[\\PC\n\"\\\\]{0,20}"), 1..5)) {
        let values: Vec<_> = texts
            .iter()
            .map(|(q, a)| serde_json::json!({"instruction": q, "input": "", "output": a}))
            .collect();
        let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
        let array = serde_json::to_string_pretty(&values).unwrap();
        for text in [lines, array] {
            let dataset = read(&text).unwrap();
            // Text that looks like a wrong encoding is refused, and tested as such elsewhere.
            let is_garbled = |refusal| matches!(refusal, Refusal::Mojibake | Refusal::ReplacementCharacters);
            prop_assume!(!dataset.refused.iter().any(|(_, refusal)| is_garbled(*refusal)));
            let read: Vec<_> =
                dataset.records.iter().map(|r| r.messages()).map(|m| (m[0].1.clone(), m[1].1.clone())).collect();
            prop_assert_eq!(&read, &texts);
        }
    }
}
