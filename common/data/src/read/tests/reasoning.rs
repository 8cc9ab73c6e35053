//! Tests of reasoning in every format, of several labels, and of objects that name a key twice.

use super::support::{Files, brief, one, read, refused};
use crate::read::{Mapping, ReadOptions, read_all};
use crate::record::Format;
use crate::refusal::Refusal;

#[test]
fn a_list_of_steps_is_the_reasoning_of_any_format() {
    let steps = r#""chain_of_thought":["一","二"]"#;
    for (json, expected) in [
        (r#"{"instruction":"q","input":"x","output":"a",S}"#, "u:q\nx|a:一\n二\n\na"),
        (r#"{"question":"q","answer":"a",S}"#, "u:q|a:一\n二\n\na"),
        (r#"{"query":"q","response":"a",S}"#, "u:q|a:一\n二\n\na"),
        (
            r#"{"question":"q","options":["x","y"],"answer":"B",S}"#,
            "u:q\nA. x\nB. y\nAnswer:|a:一\n二\n\nAnswer: B",
        ),
        (r#"{"text":"t","label":"l",S}"#, "u:t\nCategory:|a:一\n二\n\nl"),
        (
            r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],S}"#,
            "u:q|a:一\n二\n\na",
        ),
        (
            r#"{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"},{"from":"human","value":"r"},{"from":"gpt","value":"b"}],S}"#,
            "u:q|a:a|u:r|a:一\n二\n\nb",
        ),
        (
            r#"{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}],S}"#,
            "u:q|a:一\n二\n\na",
        ),
        (r#"{"data":["问：q","答：a"],S}"#, "u:q|a:一\n二\n\na"),
    ] {
        assert_eq!(one(&json.replace('S', steps)), expected, "{json}");
    }
    let fields = &read("a.jsonl", r#"{"instruction":"q","output":"a","cot":["r",{"n":2,"why":"s"}]}"#);
    let paths: Vec<&str> = fields.records[0].fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["instruction", "output", "cot[0]", "cot[1].why"]);
    assert_eq!(fields.records[0].format, Format::Alpaca);
}

#[test]
fn reasoning_is_taken_from_turns_columns_and_cells() {
    for (json, expected) in [
        (
            r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","reasoning_content":"r"},{"role":"user","content":"s"},{"role":"assistant","content":"b","chain_of_thought":["t","u"]}]}"#,
            "u:q|a:r\n\na|u:s|a:t\nu\n\nb",
        ),
        (r#"{"instruction":"q","output":"a","chain_of_thought":"","思维链":"r"}"#, "u:q|a:r\n\na"),
        (r#"{"instruction":"q","output":"a","cot":"r","reasoning":"r"}"#, "u:q|a:r\n\na"),
        (r#"{"instruction":"q","output":"a","cot":"r","reasoning":"s"}"#, "u:q|a:r\ns\n\na"),
        // What the answer begins with is not learnt twice.
        (r#"{"instruction":"q","output":"<think>r</think>a","cot":"r"}"#, "u:q|a:<think>r</think>a"),
        (
            r#"{"question":"q","reasoning_content":"r","answer":"<think>\nr\n</think>\na"}"#,
            "u:q|a:<think>\nr\n</think>\na",
        ),
        (r#"{"instruction":"q","output":"r\n\na","cot":"r"}"#, "u:q|a:r\n\na"),
        (r#"{"instruction":"q","output":"rest","cot":"r"}"#, "u:q|a:r\n\nrest"),
        (
            r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"<think>r</think>a","reasoning_content":"r"}]}"#,
            "u:q|a:<think>r</think>a",
        ),
        (r#"{"instruction":"q","output":"a","cot":null,"reasoning":[]}"#, "u:q|a:a"),
        (r#"{"question":"q","answer":"a","cot":"{\"a\": 1}"}"#, "u:q|a:{\"a\": 1}\n\na"),
        (r#"{"question":"q","answer":"a","cot":["r",null,""," s"]}"#, "u:q|a:r\n s\n\na"),
    ] {
        assert_eq!(one(json), expected, "{json}");
    }
    let csv = "instruction,output,chain_of_thought\nq,a,\"[\"\"r\"\",\"\"s\"\"]\"\nq,b,\nq,c,一句话\n";
    assert_eq!(brief(&read("a.csv", csv)), ["u:q|a:r\ns\n\na", "u:q|a:b", "u:q|a:一句话\n\nc"]);
    let dataset = read(
        "a.jsonl",
        r#"{"messages":[{"role":"user","content":"q","reasoning":"of a patient"},{"role":"assistant","content":"a"}]}"#,
    );
    assert_eq!(brief(&dataset), ["u:q|a:a"]);
}

#[test]
fn reasoning_that_has_no_place_or_no_text_is_refused() {
    for (json, expected) in [
        (r#"{"text":"t","cot":["r"]}"#, Refusal::ReasoningWithoutAnswer),
        (r#"{"messages":[{"role":"user","content":"q"}],"cot":"r"}"#, Refusal::ReasoningWithoutAnswer),
        (r#"{"instruction":"q","output":"a","cot":7}"#, Refusal::WrongType),
        (r#"{"instruction":"q","output":"a","cot":{"one":"r","two":"s"}}"#, Refusal::WrongType),
        (r#"{"instruction":"q","output":"a","cot":["r",["s"]]}"#, Refusal::WrongType),
        (r#"{"instruction":"q","output":"a","cot":[{"r":"x","s":"y"}]}"#, Refusal::WrongType),
        (r#"{"instruction":"q","output":"a","cot":[{"r":"x","score":0.9}]}"#, Refusal::WrongType),
        (r#"{"instruction":"q","output":" ","cot":["r"]}"#, Refusal::EmptyAnswer),
        (r#"{"instruction":"q","output":"<think>r</think>","cot":"r"}"#, Refusal::EmptyAnswer),
        (r#"{"question":"q","answer":"","cot":"r"}"#, Refusal::EmptyAnswer),
        (
            r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"","reasoning_content":"r"}]}"#,
            Refusal::EmptyAnswer,
        ),
    ] {
        assert_eq!(refused(&read("a.jsonl", json)), [(1, expected)], "{json}");
    }
}

#[test]
fn a_mapping_writes_a_list_of_texts_as_lines() {
    let mapping = "[[turn]]\nrole = \"user\"\ntemplate = \"{问}\"\n[[turn]]\nrole = \"assistant\"\ntemplate = \"{推理?}\\n\\n{答}\"\n";
    let options = ReadOptions { mapping: Some(Mapping::parse(mapping).unwrap()), ..ReadOptions::default() };
    let files = Files::new();
    let lines = "{\"问\":\"q\",\"推理\":[\"r\",\"s\"],\"答\":\"a\"}\n{\"问\":\"q\",\"答\":[]}\n{\"问\":\"q\",\"答\":[{\"a\":[]}]}\n";
    let dataset = read_all(&[files.write("a.jsonl", lines)], &options).unwrap();
    assert_eq!(brief(&dataset), ["u:q|a:r\ns\n\na"]);
    assert_eq!(refused(&dataset), [(2, Refusal::EmptyAnswer), (3, Refusal::WrongType)]);
}

#[test]
fn several_labels_and_labels_below_them_are_one_answer() {
    for (json, expected) in [
        (r#"{"text":"咳嗽","label":["呼吸科","感染科"]}"#, "u:咳嗽\n类别：|a:呼吸科；感染科"),
        (r#"{"text":"cough","label":["a",2]}"#, "u:cough\nCategory:|a:a; 2"),
        (r#"{"text":"cough","label":["a"]}"#, "u:cough\nCategory:|a:a"),
        (r#"{"text":"cough","label":"[\"a\",\"b\"]"}"#, "u:cough\nCategory:|a:a; b"),
        (r#"{"text":"心慌","main_label":"循环","sub_label":"心律失常"}"#, "u:心慌\n类别：|a:循环 > 心律失常"),
        (r#"{"text":"心慌","主标签":"循环","子标签":["甲","乙"]}"#, "u:心慌\n类别：|a:循环 > 甲；乙"),
        (r#"{"text":"cough","label":"a","sub_label":""}"#, "u:cough\nCategory:|a:a"),
        (r#"{"text":"cough","label":["a","b"],"sub_label":null}"#, "u:cough\nCategory:|a:a; b"),
        (r#"{"text":"cough","label":"a","sub_label":[]}"#, "u:cough\nCategory:|a:a"),
    ] {
        assert_eq!(one(json), expected, "{json}");
    }
    for (json, expected) in [
        (r#"{"text":"t","label":[]}"#, Refusal::EmptyAnswer),
        (r#"{"text":"t","label":"","sub_label":"c"}"#, Refusal::EmptyAnswer),
        (r#"{"text":"t","label":["a",""]}"#, Refusal::EmptyAnswer),
        (r#"{"text":"t","label":[["a"]]}"#, Refusal::WrongType),
        (r#"{"text":"t","label":{"a":1}}"#, Refusal::WrongType),
        (r#"{"text":"t","label":["a","b"],"sub_label":"c"}"#, Refusal::WrongType),
    ] {
        assert_eq!(refused(&read("a.jsonl", json)), [(1, expected)], "{json}");
    }
}

#[test]
fn a_key_said_twice_is_refused_wherever_an_object_stands() {
    let pairs = r#"{"from":"human","value":"q","from":"gpt","value":"a"}"#;
    for json in [
        format!(r#"{{"conversations":[{pairs}]}}"#),
        format!("[{pairs}]"),
        r#"{"instruction":"q","output":"a","output":"b"}"#.to_owned(),
        r#"{"instruction":"q","output":"a","note":{"x":1,"x":2}}"#.to_owned(),
    ] {
        let dataset = read("a.jsonl", format!("{json}\n{{\"text\":\"t\"}}\n"));
        assert_eq!(refused(&dataset), [(1, Refusal::DuplicateKey)], "{json}");
        assert_eq!(brief(&dataset), ["=t"]);
        let listed = read("a.json", format!("[{{\"text\":\"t\"}},\n{json}]"));
        assert_eq!(refused(&listed), [(2, Refusal::DuplicateKey)], "{json}");
    }
    let cell = format!("conversations\n\"[{}]\"\n", pairs.replace('"', "\"\""));
    assert_eq!(refused(&read("a.csv", cell)), [(2, Refusal::DuplicateKey)]);
    let cell = r#"{"prompt":"[{\"role\":\"user\",\"content\":\"q\",\"content\":\"r\"}]","completion":"[]"}"#;
    assert_eq!(refused(&read("a.jsonl", cell)), [(1, Refusal::DuplicateKey)]);
    // An answer that is JSON is a text like any other.
    let answer = r#"{"instruction":"q","output":"{\"a\":1,\"a\":2}"}"#;
    assert_eq!(one(answer), "u:q|a:{\"a\":1,\"a\":2}");
    assert!(Files::new().read("a.jsonl", "{\"text\":\"t\",\"text\":\"CANARY\"").is_err(), "cut short");
}
