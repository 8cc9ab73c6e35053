//! Tests of the formats beyond Alpaca, ShareGPT and messages, and of what a record says besides its texts.

use super::support::{one, read, refused};
use crate::record::{Date, Format};
use crate::refusal::Refusal;

#[test]
fn other_formats_become_conversations_or_text() {
    for (json, expected) in [
        (r#"{"text":" 病程记录\n"}"#, "= 病程记录\n"),
        (r#"{"text":"咳嗽三天","label":"呼吸科"}"#, "u:咳嗽三天\n类别：|a:呼吸科"),
        (r#"{"text":"cough","label":2}"#, "u:cough\nCategory:|a:2"),
        (r#"{"question":"q","answer":"a"}"#, "u:q|a:a"),
        (r#"{"prompt":"q","completion":"a"}"#, "u:q|a:a"),
        (r#"{"system":"s","question":"q","chain_of_thought":"r","answer":"a"}"#, "s:s|u:q|a:r\n\na"),
        (r#"{"Question":"q","Complex_CoT":"r","Response":"a"}"#, "u:q|a:r\n\na"),
        (
            r#"{"conversations":[{"from":"human","value":"a"},{"from":"function_call","value":"b"},{"from":"observation","value":"c"},{"from":"gpt","value":"d"}]}"#,
            "u:a|a:b|t:c|a:d",
        ),
    ] {
        assert_eq!(one(json), expected, "{json}");
    }
}

#[test]
fn multiple_choice_is_asked_with_letters() {
    let english = "u:Which?\nA. x\nB. y\nAnswer:|a:";
    let chinese = "u:哪个？\nA. 甲\nB. 乙\nC. 丙\n答案：|a:";
    for (json, ask, answer) in [
        (r#"{"question":"Which?","options":{"B":"y","A":"x"},"answer":"B"}"#, english, "B"),
        (r#"{"question":"Which?","options":["x","y"],"answer":"y"}"#, english, "B"),
        (r#"{"question":"Which?","options":["x","y"],"answer":0}"#, english, "A"),
        (r#"{"question":"Which?","options":["x","y"],"answer":"y","answer_idx":"B"}"#, english, "B"),
        (r#"{"question":"Which?","A":"x","B":"y","answer":"a"}"#, english, "A"),
        (r#"{"question":"Which?","options":"A. x\nB. y","answer":"A"}"#, english, "A"),
        (r#"{"question":"哪个？","options":{"A":"甲","B":"乙","C":"丙"},"answer":"C、A"}"#, chinese, "AC"),
        (r#"{"question":"哪个？","option":["甲","乙","丙"],"answer":["丙","B"]}"#, chinese, "BC"),
        (
            r#"{"question":"哪个？","options":[{"key":"A","value":"甲"},{"key":"B","value":"乙"},{"key":"C","value":"丙"}],"answer":"乙"}"#,
            chinese,
            "B",
        ),
        (
            r#"{"question":"哪个？","options":["甲","乙","丙"],"answer":"A","chain_of_thought":"因为"}"#,
            chinese,
            "因为\n\n答案：A",
        ),
    ] {
        assert_eq!(one(json), format!("{ask}{answer}"), "{json}");
    }
    for (json, expected) in [
        (r#"{"question":"q","options":["x","y"],"answer":"C"}"#, Refusal::AnswerNotAnOption),
        (r#"{"question":"q","options":["x","y"],"answer":7}"#, Refusal::AnswerNotAnOption),
        (r#"{"question":"q","options":["x"],"answer":"A"}"#, Refusal::AnswerNotAnOption),
        (r#"{"question":"q","options":["x",""],"answer":"A"}"#, Refusal::AnswerNotAnOption),
        (r#"{"question":"q","options":["x","y"],"answer":""}"#, Refusal::EmptyAnswer),
        (r#"{"question":"q","options":["x","y"]}"#, Refusal::MissingKey),
        (r#"{"question":"q","options":7,"answer":"A"}"#, Refusal::WrongType),
        (r#"{"question":" ","options":["x","y"],"answer":"A"}"#, Refusal::EmptyQuestion),
    ] {
        assert_eq!(refused(&read("a.jsonl", json)), [(1, expected)], "{json}");
    }
}

#[test]
fn fields_are_named_as_the_file_names_them() {
    let json = r#"{"question":"q","options":{"A":"x","b":"y"},"answer":"B","科室":"心内科","patient_id":7}
{"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":"b"}]}
{"instruction":"i","output":"o","history":[["q","a"]]}"#;
    let dataset = read("a.jsonl", json);
    let paths: Vec<Vec<&str>> =
        dataset.records.iter().map(|r| r.fields.iter().map(|field| field.path.as_str()).collect()).collect();
    assert_eq!(paths[0], ["question", "options.A", "options.b", "科室"]);
    assert_eq!(paths[1], ["messages[0].content[0].text", "messages[1].content"]);
    assert_eq!(paths[2], ["history[0][0]", "history[0][1]", "instruction", "output"]);
    assert_eq!(dataset.records[0].patient.as_deref(), Some("7"));
    assert_eq!(dataset.records[0].stratum.as_deref(), Some("心内科"));
    assert!(
        !one(r#"{"text":"t","patient_id":"P7","科室":"心内科"}"#).contains("P7"),
        "it would be trained on"
    );
}

#[test]
fn the_report_says_what_was_found() {
    let json = r#"{"text":"a","date":"2024-03-05","patient_id":"x"}
{"text":"b","date":"yesterday"}
{"question":"q","answer":"a","department":"d"}
{"note":1}
{"note":2}
{"text":""}"#;
    let dataset = read("a.jsonl", json);
    let report = &dataset.files[0];
    assert_eq!((report.records, report.refused_total(), report.complete), (3, 3, true));
    assert_eq!(report.formats.get(&Format::Text), Some(&2));
    assert_eq!(report.formats.get(&Format::QuestionAnswer), Some(&1));
    assert_eq!((report.with_patient, report.with_date, report.with_unreadable_date), (1, 1, 1));
    assert_eq!(report.with_stratum, 1);
    assert_eq!(dataset.records[0].date, Some(Date { year: 2024, month: 3, day: 5 }));
    let unknown = &report.refused[&Refusal::UnknownFormat];
    assert_eq!((unknown.count, unknown.lines.as_slice()), (2, [4, 5].as_slice()));
    let json = serde_json::to_value(report).unwrap();
    assert_eq!(json["kind"], "json-lines");
    assert_eq!(json["refused"]["unknown-format"]["lines"][1], 5);
}
