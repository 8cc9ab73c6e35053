//! Tests of CSV: quoting, delimiters, lines, damaged rows; and of encodings in all text files.

use encoding_rs::GB18030;
use proptest::prelude::*;

use super::support::{Files, brief, read, refused};
use crate::error::DataError;
use crate::limits::RECORD_BYTES_MAX;
use crate::read::{Encoding, FileKind, ReadOptions, read_all};
use crate::refusal::Refusal;

#[test]
fn cells_hold_quotes_delimiters_and_line_feeds() {
    let dataset = read(
        "a.csv",
        "instruction,input,output,科室\r\n\"头痛, \"\"偏侧\"\"\",,\"多\n休息\",神经科\r\n\r\nq,x,a,\r\n",
    );
    assert_eq!(brief(&dataset), ["u:头痛, \"偏侧\"|a:多\n休息", "u:q\nx|a:a"]);
    assert_eq!(dataset.records.iter().map(|r| r.place.line).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(dataset.records[0].stratum.as_deref(), Some("神经科"));
    assert_eq!(dataset.records[1].stratum, None);
    assert_eq!(dataset.files[0].kind, Some(FileKind::Csv { delimiter: ',' }));
}

#[test]
fn the_delimiter_is_told_from_the_header() {
    for (text, delimiter) in [
        ("question;answer\nq,1;a", ';'),
        ("question\tanswer\nq,1\ta", '\t'),
        ("question|answer\nq,1|a", '|'),
        ("question,answer\n\"q,1\",a", ','),
        ("\"a;b;c\",question,answer\nx,\"q,1\",a", ','),
    ] {
        let dataset = read("a.csv", text);
        assert_eq!(brief(&dataset), ["u:q,1|a:a"], "{text}");
        assert_eq!(dataset.files[0].kind, Some(FileKind::Csv { delimiter }), "{text}");
    }
    assert_eq!(brief(&read("a.csv", "text\nhello, world\n")).len(), 0, "an unquoted comma makes two cells");
    assert_eq!(brief(&read("a.csv", "text\n\"hello, world\"\n")), ["=hello, world"]);
}

#[test]
fn rows_that_do_not_fit_the_header_are_refused_with_their_line() {
    let dataset = read("a.csv", "question,answer\na\nq,a,b\n\"x\ny\",\nq,a\n");
    assert_eq!(
        refused(&dataset),
        [(2, Refusal::CellCount), (3, Refusal::CellCount), (4, Refusal::EmptyAnswer)]
    );
    assert_eq!(dataset.records[0].place.line, 6);
    let long = "长".repeat(RECORD_BYTES_MAX / 3 + 1);
    let dataset = read("a.csv", format!("question,answer\n{long},a\nq,a\n"));
    assert_eq!(refused(&dataset), [(2, Refusal::TooLong)]);
    assert_eq!(dataset.records[0].place.line, 3);
    let many = "a,".repeat(20_000);
    let dataset = read("a.csv", format!("question,answer\n{many}\nq,a\n"));
    assert_eq!(refused(&dataset), [(2, Refusal::TooLong)]);
}

#[test]
fn files_that_are_damaged_as_a_whole_are_errors_that_quote_nothing() {
    for (text, line, words) in [
        ("question,answer\nq,a\nCANARY,\"open\nand on", 3, "quotation mark"),
        ("CANARY,CANARY\nq,a", 1, "same name"),
        (&"a".repeat(RECORD_BYTES_MAX + 1), 1, "longer than 1 MiB"),
    ] {
        match Files::new().read("a.csv", text).unwrap_err() {
            DataError::File { line: found, reason, .. } => {
                assert_eq!(found, line);
                assert!(reason.contains(words) && !reason.contains("CANARY"), "{reason}");
            }
            other => panic!("{other}"),
        }
    }
    for text in ["", "\n\n", "question,answer", "question,answer\n"] {
        let dataset = read("a.csv", text);
        assert!(dataset.records.is_empty() && dataset.refused.is_empty(), "{text:?}");
    }
}

const TEXT: &str = "question,answer\n头痛怎么办,多休息。\n咳嗽怎么办,多喝水。\n";

#[test]
fn encodings_are_recognised_and_reported() {
    let expected = ["u:头痛怎么办|a:多休息。", "u:咳嗽怎么办|a:多喝水。"];
    let (gb18030, _, _) = GB18030.encode(TEXT);
    let utf16 = |units: fn(u16) -> [u8; 2]| TEXT.encode_utf16().flat_map(units).collect::<Vec<u8>>();
    let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
    for (bytes, encoding, mark) in [
        (TEXT.as_bytes().to_vec(), Encoding::Utf8, false),
        (marked(b"\xEF\xBB\xBF", TEXT.as_bytes()), Encoding::Utf8, true),
        (gb18030.to_vec(), Encoding::Gb18030, false),
        (marked(b"\xFF\xFE", &utf16(u16::to_le_bytes)), Encoding::Utf16Le, true),
        (marked(b"\xFE\xFF", &utf16(u16::to_be_bytes)), Encoding::Utf16Be, true),
    ] {
        let dataset = read("a.csv", bytes);
        assert_eq!(brief(&dataset), expected, "{encoding:?}");
        let report = &dataset.files[0];
        assert_eq!((report.encoding, report.has_byte_order_mark), (Some(encoding), mark));
    }
    // JSON as well, where GB18030's second bytes may look like brackets and backslashes.
    let text = "[{\"question\":\"镕\\n腫嘫\",\"answer\":\"昞乗橽\"},{\"text\":\"頫乕\"}]";
    let (bytes, _, _) = GB18030.encode(text);
    let dataset = read("a.json", bytes);
    assert_eq!(brief(&dataset), ["u:镕\n腫嘫|a:昞乗橽", "=頫乕"]);
    assert_eq!(dataset.files[0].encoding, Some(Encoding::Gb18030));
}

#[test]
fn the_encoding_is_told_from_the_first_text_that_is_not_ascii() {
    let ascii = "question,answer\n".to_owned() + &"what,that\n".repeat(30_000);
    let (foreign, _, _) = GB18030.encode("头痛怎么办,多休息。\n");
    let dataset = read("a.csv", [ascii.as_bytes(), &foreign].concat());
    assert_eq!(dataset.files[0].encoding, Some(Encoding::Gb18030));
    assert_eq!(dataset.records.len(), 30_001);
}

#[test]
fn lines_in_another_encoding_than_the_file_are_refused() {
    let (foreign, _, _) = GB18030.encode("头痛怎么办,多休息。\n");
    let mostly_utf8 = [TEXT.as_bytes(), &foreign, b"q,\xC3\x28\xFF\n"].concat();
    let dataset = read("a.csv", &mostly_utf8);
    assert_eq!(dataset.files[0].encoding, Some(Encoding::Utf8));
    assert_eq!(refused(&dataset), [(4, Refusal::MixedEncoding), (5, Refusal::InvalidEncoding)]);
    let json = [
        b"{\"text\":\"\xE4\xBD\xA0\"}\n{\"text\":\"".as_slice(),
        b"\xC4\xE3\xBA\xC3",
        b"\"}\n{\"text\":\"\xFF\"}",
    ]
    .concat();
    let dataset = read("a.jsonl", json);
    assert_eq!(refused(&dataset), [(2, Refusal::MixedEncoding), (3, Refusal::InvalidEncoding)]);
    // The other way round, UTF-8 reads as garbled Chinese.
    let (foreign, _, _) = GB18030.encode("question,answer\n头痛怎么办,多休息。\n咳嗽怎么办,多喝水。\n");
    let mostly_foreign = [&foreign, "胸闷怎么办呢,做心电图检查。\n".as_bytes()].concat();
    let dataset = read("a.csv", mostly_foreign);
    assert_eq!(dataset.files[0].encoding, Some(Encoding::Gb18030));
    assert_eq!(dataset.records.len(), 2);
    assert!(matches!(refused(&dataset)[..], [(4, Refusal::Mojibake | Refusal::ReplacementCharacters)]));
}

#[test]
fn an_encoding_that_is_given_is_believed() {
    let files = Files::new();
    let path = files.write("a.csv", TEXT);
    let options = ReadOptions { encoding: Some(Encoding::Gb18030), ..ReadOptions::default() };
    let dataset = read_all(&[path], &options).unwrap();
    assert_eq!(dataset.files[0].encoding, Some(Encoding::Gb18030));
    assert_eq!((dataset.records.len(), dataset.refused.len()), (0, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_cells_survive(rows in prop::collection::vec(("x[ -~\u{4e00}-\u{4e20}\n\",;]{0,20}", "x[ -~\r\n\",;]{0,20}"), 1..6)) {
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let body: String = rows.iter().map(|(q, a)| format!("{},{}\n", quote(q), quote(a))).collect();
        let dataset = read("a.csv", format!("question,answer\n{body}"));
        let expected: Vec<String> = rows.iter().map(|(q, a)| format!("u:{q}|a:{a}")).collect();
        prop_assert_eq!(brief(&dataset), expected);
    }
}
