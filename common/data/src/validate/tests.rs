//! Tests of the content checks that the readers' own tests do not reach: bounds, and characters inside
//! records.

use super::*;
use crate::read::{ReadOptions, read_all};

fn read_one(json: &str, bounds: Bounds) -> Result<(), Refusal> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, json).unwrap();
    let dataset = read_all(&[path], &ReadOptions { bounds, ..ReadOptions::default() }).unwrap();
    match dataset.refused.first() {
        Some((_, reason)) => Err(*reason),
        None => {
            assert_eq!(dataset.records.len(), 1);
            record(&dataset.records[0], &bounds)
        }
    }
}

#[test]
fn lengths_and_turns_are_bounded() {
    let bounds = Bounds { answer_characters_min: 3, record_characters_max: 8, turns_max: 2 };
    let json =
        |question: &str, answer: &str| format!(r#"{{"instruction":"{question}","output":"{answer}"}}"#);
    assert_eq!(read_one(&json("头痛怎么", "多休息吧"), bounds), Ok(()));
    assert_eq!(read_one(&json("头痛怎么办", "多休息吧"), bounds), Err(Refusal::TooManyCharacters));
    assert_eq!(read_one(&json("q", " 好 的  "), bounds), Ok(()));
    assert_eq!(read_one(&json("q", "  好的  "), bounds), Err(Refusal::TooFewCharacters));
    let turns = r#"{"instruction":"q","output":"abc","history":[["q","abc"]]}"#;
    assert_eq!(read_one(turns, bounds), Err(Refusal::TooManyTurns));
    assert_eq!(read_one(&json("q", "a"), Bounds::default()), Ok(()));
    let long = "长".repeat(RECORD_CHARACTERS_MAX);
    assert_eq!(read_one(&json("q", &long), Bounds::default()), Err(Refusal::TooManyCharacters));
}

#[test]
fn characters_that_no_record_should_have_are_refused_wherever_they_stand() {
    for (text, expected) in [
        (r#"{"instruction":"q","output":"a\u0000"}"#, Refusal::ControlCharacters),
        (r#"{"text":"\u001b[1m"}"#, Refusal::ControlCharacters),
        (r#"{"instruction":"q","input":"锟斤拷","output":"a"}"#, Refusal::Mojibake),
        (
            r#"{"messages":[{"role":"user","content":"\ufffd"},{"role":"assistant","content":"a"}]}"#,
            Refusal::ReplacementCharacters,
        ),
        (r#"{"instruction":"q","output":"a","department":"ç¥žç»ç§‘ç¥žç»"}"#, Refusal::Mojibake),
    ] {
        assert_eq!(read_one(text, Bounds::default()), Err(expected), "{text}");
    }
}
