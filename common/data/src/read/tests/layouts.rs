//! Tests of the layouts that real tools write: what stands beside a question, loss switches, lists of turns,
//! lists in objects, Excel's columns without a name; and that no text is unused without being named.

use super::support::{Files, brief, one, read, refused};
use crate::dedup::Texts;
use crate::dedup::features;
use crate::error::DataError;
use crate::record::{Body, Format, Record};
use crate::refusal::Refusal;

#[test]
fn what_stands_beside_a_question_is_read_as_its_tool_reads_it() {
    for (json, expected) in [
        (r#"{"system":"s","query":"q2","response":"a2","history":[["q1","a1"]]}"#, "s:s|u:q1|a:a1|u:q2|a:a2"),
        (r#"{"query":"q","response":"a","history":[]}"#, "u:q|a:a"),
        (r#"{"question":"q","context":"c","answer":"a"}"#, "u:c\nq|a:a"),
        (r#"{"question":"q","context":["c","d"],"answer":"a"}"#, "u:c\nd\nq|a:a"),
        (r#"{"question":"q","context":{"contexts":["c"]},"long_answer":"a"}"#, "u:c\nq|a:a"),
        (r#"{"question":"q","context":"c","answers":{"text":["a","b"],"answer_start":[1]}}"#, ""),
        (r#"{"prompt":"p","query":"q","response":"a"}"#, "u:p\nq|a:a"),
        (r#"{"prompt":"p","input":"i","completion":"a"}"#, "u:p\ni|a:a"),
        (r#"{"instruction":"i","context":"c","output":"a"}"#, "u:i\nc|a:a"),
        (r#"{"instruction":"i","input":"","context":"c","response":"a"}"#, "u:i\nc|a:a"),
        (r#"{"instruction":"","input":"x","output":"a"}"#, "u:x|a:a"),
        (r#"{"instruction":null,"input":"x","output":"a"}"#, "u:x|a:a"),
        (r#"{"input":"x","output":"a"}"#, "u:x|a:a"),
        (r#"{"instruction":"i","input":null,"output":"a"}"#, "u:i|a:a"),
        (
            r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"system":"s"}"#,
            "s:s|u:q|a:a",
        ),
        (
            r#"{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}]}"#,
            "u:q|a:a",
        ),
        (r#"{"data":["问：q1","答：a1","问:q2","答：a2"]}"#, "u:q1|a:a1|u:q2|a:a2"),
        (r#"{"data":["q","a"]}"#, "u:q|a:a"),
        (
            r#"{"question":"q","context":"c","options":["x","y"],"answer":"B"}"#,
            "u:c\nq\nA. x\nB. y\nAnswer:|a:B",
        ),
    ] {
        if expected.is_empty() {
            let dataset = read("a.jsonl", json);
            assert_eq!(brief(&dataset), ["u:c\nq|a:a"]);
        } else {
            assert_eq!(one(json), expected, "{json}");
        }
    }
    for (json, expected) in [
        (r#"{"instruction":"","input":"","output":"a"}"#, Refusal::EmptyQuestion),
        (r#"{"data":["问：q","问：r"]}"#, Refusal::NotAlternating),
        (r#"{"data":["q","a","r"]}"#, Refusal::NoAnswer),
        (r#"{"data":[1]}"#, Refusal::UnknownFormat),
        (r#"{"query":"q","response":"a","history":["x"]}"#, Refusal::WrongType),
        (r#"{"question":"q","context":7,"answer":"a"}"#, Refusal::WrongType),
    ] {
        assert_eq!(refused(&read("a.jsonl", json)), [(1, expected)], "{json}");
    }
}

#[test]
fn text_that_is_not_trained_on_is_named_and_counted() {
    let json = r#"{"instruction":"i","output":"o","ward_note":"ward three","id":"7","note":{"by":["a nurse"]},"age":80}
{"messages":[{"role":"user","content":"q","name":"Ann"},{"role":"assistant","content":"a","reasoning_content":"r","reviewer_note":"fine"}],"tools":"[]"}
{"instruction":"i","output":"o","ward_note":"ward four","patient_id":"P","date":"May 2024"}
{"instruction":"i","output":"","ward_note":"of a refused one"}
"#;
    let dataset = read("a.jsonl", json.repeat(5));
    let expected = [
        ("messages[].name".to_owned(), 5),
        ("messages[].reviewer_note".to_owned(), 5),
        ("note".to_owned(), 5),
        ("ward_note".to_owned(), 10),
    ];
    assert_eq!(dataset.files[0].unused, expected.into());
    let many: String = (0..200)
        .map(|number| format!("{{\"text\":\"a\",\"{}{number}\":\"b\"}}\n", "长".repeat(90)))
        .collect();
    let unused = &read("a.jsonl", many).files[0].unused;
    assert_eq!(unused.len(), 1, "long names are cut, and are then the same: {unused:?}");
    let fields: String = (0..150).map(|n| format!(",\"f{n}\":\"b\"")).collect();
    let unused = &read("a.jsonl", format!("{{\"text\":\"a\"{fields}}}\n").repeat(7)).files[0].unused;
    assert_eq!((unused.len(), unused["..."], unused["f0"]), (101, 7, 7));
}

/// A hospital's file whose records have the patient's name as a key: no report shows it, and none is dropped
/// in silence.
#[test]
fn a_name_that_few_records_have_is_counted_and_not_told() {
    let record =
        |patient: &str| format!("{{\"text\":\"a\",\"ward\":\"b\",\"{patient}\":{{\"age\":\"old\"}}}}\n");
    let mut text: String = (0..200).map(|number| record(&format!("Jane Doe {number}"))).collect();
    // One of them came four times, and one in many of the records, though in fewer than a twentieth.
    text.push_str(&record("John Roe").repeat(4));
    text.push_str(&record("Max Moe").repeat(9));
    for name in ["a.jsonl", "a.json"] {
        let unused = &read(name, text.clone()).files[0].unused;
        assert_eq!(*unused, [("...".to_owned(), 213), ("ward".to_owned(), 213)].into());
    }
    let array = format!("[{}]", text.trim_end().replace('\n', ","));
    assert_eq!(read("a.json", array).files[0].unused.len(), 2);
    // The columns of a table are its author's.
    let table = read("a.csv", "question,answer,remark\nq,a,b\nr,b,c\n");
    assert_eq!(table.files[0].unused, [("remark".to_owned(), 2)].into());
}

fn learnt(record: &Record) -> Vec<bool> {
    match &record.body {
        Body::Conversation(turns) => turns.iter().map(|turn| turn.is_learnt).collect(),
        Body::Text(_) => Vec::new(),
    }
}

#[test]
fn loss_switches_are_honoured_or_the_record_is_refused() {
    let turns = |first: &str, second: &str| {
        format!(
            r#"[{{"role":"user","content":"q"}},{{"role":"assistant","content":"a"{first}}},{{"role":"user","content":"r"}},{{"role":"assistant","content":"b"{second}}}]"#
        )
    };
    let with = |first: &str, second: &str, more: &str| {
        read("a.jsonl", format!(r#"{{"messages":{}{more}}}"#, turns(first, second)))
    };
    for switch in ["\"weight\":0", "\"train\":false", "\"loss\":false", "\"loss_mask\":0", "\"weight\":0.0"] {
        let dataset = with(&format!(",{switch}"), ",\"weight\":1", "");
        assert_eq!(learnt(&dataset.records[0]), [true, false, true, true], "{switch}");
        assert_eq!(dataset.files[0].unused, [].into());
    }
    let masked = with("", "", ",\"loss_mask\":[0,0,0,1]");
    assert_eq!(learnt(&masked.records[0]), [true, false, true, true]);
    assert_eq!(learnt(&with(",\"weight\":null", "", "").records[0]), [true; 4]);
    for (first, second, more, expected) in [
        (",\"weight\":0.5", "", "", Refusal::LossSwitch),
        (",\"weight\":\"no\"", "", "", Refusal::LossSwitch),
        (",\"weight\":1,\"loss\":false", "", "", Refusal::LossSwitch),
        (",\"train_detail\":[{\"begin_offset\":0}]", "", "", Refusal::LossSwitch),
        ("", "", ",\"loss_mask\":[1,0,0,1]", Refusal::LossSwitch),
        ("", "", ",\"loss_mask\":[0,1]", Refusal::LossSwitch),
        ("", "", ",\"loss_mask\":1", Refusal::LossSwitch),
        (",\"weight\":0", "", ",\"loss_mask\":[0,1,0,1]", Refusal::LossSwitch),
        (",\"weight\":0", ",\"train\":false", "", Refusal::NothingLearnt),
    ] {
        assert_eq!(refused(&with(first, second, more)), [(1, expected)], "{first}{second}{more}");
    }
    // A mask of turns beside a layout without turns.
    for row in [
        r#"{"instruction":"q","output":"a","loss_mask":[0,1]}"#,
        r#"{"prompt":"q","completion":"a","loss_mask":[0,1]}"#,
    ] {
        assert_eq!(refused(&read("a.jsonl", row)), [(1, Refusal::LossSwitch)], "{row}");
    }
    let user = r#"{"conversations":[{"from":"human","value":"q","train":true},{"from":"gpt","value":"a"}]}"#;
    assert_eq!(refused(&read("a.jsonl", user)), [(1, Refusal::LossSwitch)]);
    // TRL's prompt is not learnt, whoever speaks in it.
    let json = r#"{"prompt":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"}],"completion":[{"role":"assistant","content":"b"}]}"#;
    assert_eq!(learnt(&read("a.jsonl", json).records[0]), [false, false, false, true]);
    assert_eq!(read("a.jsonl", json).records[0].format, Format::PromptCompletion);
}

#[test]
fn lists_of_turns_and_lists_in_objects_are_read() {
    let turn = |role: &str, text: &str| format!(r#"{{"role":"{role}","content":"{text}"}}"#);
    let line = |text: &str| format!("[{},{}]", turn("user", text), turn("assistant", "a"));
    let expected = ["u:q|a:a", "u:r|a:a"];
    for text in [
        format!("{}\n{}\n", line("q"), line("r")),
        format!("[{},\n{}]", line("q"), line("r")),
        format!("{{\n \"rows\": [\n{},\n{}\n ]\n}}\n", line("q"), line("r")),
    ] {
        assert_eq!(brief(&read("a.json", &text)), expected, "{text}");
    }
    let dataset = read("a.jsonl", line("q"));
    assert_eq!(dataset.records[0].fields[1].path, "[1].content");
    let wrapped = "{\n  \"SFT_data\": [\n    {\"text\": \"a\"},\n    {\"text\": \"b\"}\n  ]\n}\n";
    let dataset = read("a.json", wrapped);
    assert_eq!(brief(&dataset), ["=a", "=b"]);
    assert_eq!(dataset.records.iter().map(|record| record.place.line).collect::<Vec<_>>(), [3, 4]);
    let compact = wrapped.replace(['\n', ' '], "");
    assert_eq!(brief(&read("a.json", compact)).len(), 2);
}

#[test]
fn valid_json_of_a_layout_that_is_not_read_is_told_what_is_wanted() {
    let reason = |text: &str| match Files::new().read("a.json", text).unwrap_err() {
        DataError::File { reason, line, .. } => (line, reason),
        other => panic!("{other}"),
    };
    let record = "{\n \"text\": \"CANARY\"\n}\n";
    for text in [record.to_owned(), format!("{record}{record}")] {
        let (line, reason) = reason(&text);
        assert!(
            line == 1 && reason.contains("on a line of its own") && !reason.contains("CANARY"),
            "{reason}"
        );
    }
    let long = format!(
        "{{\"train\": [\n{}{{\"text\":\"b\"}}],\n \"test\": []}}",
        "{\"text\":\"a\"},\n".repeat(100_000)
    );
    let (line, reason) = reason(&long);
    assert!(line == 100_002 && reason.contains("a file of its own"), "{line} {reason}");
}

#[test]
fn options_have_their_letters_once_and_two_readings_are_refused() {
    let ask = "u:哪个？\nA. 甲\nB. 乙\n答案：|a:";
    for (json, answer) in [
        (r#"{"question":"哪个？","options":["A. 甲","B、乙"],"answer":"A"}"#, "A"),
        (r#"{"question":"哪个？","options":{"A":"(A) 甲","B":"（B）乙"},"answer":"B. 乙"}"#, "B"),
        (r#"{"question":"哪个？","options":{"A":"甲","B":"乙"},"answer":"B."}"#, "B"),
        (r#"{"question":"哪个？","options":["甲","乙"],"answer":1}"#, "B"),
    ] {
        assert_eq!(one(json), format!("{ask}{answer}"), "{json}");
    }
    let numbers = r#"{"question":"q","options":["50","60","70","80"],"answer":60}"#;
    assert_eq!(one(numbers), "u:q\nA. 50\nB. 60\nC. 70\nD. 80\nAnswer:|a:B");
    let lines = r#"{"question":"哪个？","options":"CT\nB 超\nX 线","answer":"B"}"#;
    assert_eq!(one(lines), "u:哪个？\nA. CT\nB. B 超\nC. X 线\n答案：|a:B");
    for (json, expected) in [
        (r#"{"question":"q","options":["3","5","12","4"],"answer":3}"#, Refusal::AmbiguousAnswer),
        (r#"{"question":"q","options":["B","A"],"answer":"A"}"#, Refusal::AmbiguousAnswer),
        (r#"{"question":"q","options":["B. x","A. y"],"answer":"A"}"#, Refusal::AmbiguousAnswer),
        (r#"{"question":"q","options":["x","x"],"answer":"x"}"#, Refusal::AmbiguousAnswer),
        (r#"{"question":"q","options":["x","y"],"answer":"x","answer_idx":"B"}"#, Refusal::AmbiguousAnswer),
        (r#"{"question":"q","options":["x","y"],"answer":"B. x"}"#, Refusal::AnswerNotAnOption),
        (r#"{"question":"q","options":["x","y","z","w"],"answer":"4"}"#, Refusal::AnswerNotAnOption),
    ] {
        assert_eq!(refused(&read("a.jsonl", json)), [(1, expected)], "{json}");
    }
}

#[test]
fn columns_without_a_name_are_passed_over_while_they_hold_no_text() {
    let dataset = read("a.csv", "question,answer,,,\r\nq,a,,,\r\nr,b\r\ns,c,,,,\r\n");
    assert_eq!(brief(&dataset), ["u:q|a:a", "u:r|a:b", "u:s|a:c"]);
    assert_eq!((dataset.files[0].nameless_columns, &dataset.files[0].unused), (3, &[].into()));
    // pandas' index has no name either; a label in it is text.
    let dataset = read("a.csv", ",question,answer\n0,q,a\nrow two,r,b\n");
    assert_eq!(dataset.files[0].unused, [("column 1".to_owned(), 1)].into());
    for text in ["CANARY,,\n,,\nquestion,note,answer\nq,,a", "question,answer,,\nq,a,,CANARY"] {
        match Files::new().read("a.csv", text).unwrap_err() {
            DataError::File { reason, .. } => {
                assert!(reason.contains("without a name") && !reason.contains("CANARY"), "{reason}");
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(refused(&read("a.csv", "question,answer,,\nq\n")), [(2, Refusal::CellCount)]);
}

#[test]
fn a_last_line_without_an_end_is_like_any_other() {
    for text in ["question,answer\n导管,选 5\" 规格", "question,answer\n导管,选 5\" 规格\n"] {
        assert_eq!(brief(&read("a.csv", text)), ["u:导管|a:选 5\" 规格"]);
    }
    assert_eq!(brief(&read("a.csv", "question,answer\nq,\"a \"\"b\"\"\"")), ["u:q|a:a \"b\""]);
    for text in ["question,answer\nq,\"open", "question,answer\nq,\"a \"\"b"] {
        assert!(matches!(Files::new().read("a.csv", text), Err(DataError::File { line: 2, .. })), "{text}");
    }
}

#[test]
fn records_that_differ_in_any_trained_text_are_no_copies() {
    let key = |json: &str| features(&Texts::of(&read("a.jsonl", json).records[0])).unwrap().record;
    for (one, other) in [
        (r#"{"question":"q","context":"c","answer":"a"}"#, r#"{"question":"q","context":"d","answer":"a"}"#),
        (r#"{"query":"q","response":"a","history":[["x","y"]]}"#, r#"{"query":"q","response":"a"}"#),
        (r#"{"instruction":"q","output":"a","system":"s"}"#, r#"{"instruction":"q","output":"a"}"#),
        (r#"{"prompt":"q","input":"x","completion":"a"}"#, r#"{"prompt":"q","input":"y","completion":"a"}"#),
    ] {
        assert_ne!(key(one), key(other), "{one}");
        assert_eq!(key(one), key(one));
    }
}
