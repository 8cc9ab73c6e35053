//! Tests of column mappings: what they make of rows, and which are refused.

use super::support::{Files, brief, refused};
use crate::error::DataError;
use crate::read::{Dataset, Mapping, ReadOptions, read_all};
use crate::record::{Date, Format};
use crate::refusal::Refusal;

fn read(mapping: &str, name: &str, text: &str) -> Dataset {
    let files = Files::new();
    let mapping = Mapping::read(&files.write("mapping.toml", mapping)).unwrap();
    let options = ReadOptions { mapping: Some(mapping), ..ReadOptions::default() };
    read_all(&[files.write(name, text)], &options).unwrap()
}

const TURNS: &str = r#"
patient = "病人编号"
date = "就诊日期"
stratum = "科别"
[[turn]]
role = "system"
template = "{科别?}医生"
[[turn]]
role = "user"
template = "主诉：{主诉}\n{{年龄 {年龄}}}"
[[turn]]
role = "assistant"
template = "{诊断}"
"#;

#[test]
fn columns_become_turns() {
    let csv = "病人编号,就诊日期,科别,主诉,年龄,诊断,身份证\nP1,2024年3月5日,心内科,胸闷,52,冠心病,x\nP2,,,咳嗽,3,感冒,x\nP3,,,咳嗽,3,,x\n";
    let dataset = read(TURNS, "a.csv", csv);
    assert_eq!(
        brief(&dataset),
        ["s:心内科医生|u:主诉：胸闷\n{年龄 52}|a:冠心病", "u:主诉：咳嗽\n{年龄 3}|a:感冒"]
    );
    assert_eq!(refused(&dataset), [(4, Refusal::EmptyAnswer)]);
    let record = &dataset.records[0];
    assert_eq!(record.format, Format::Mapped);
    assert_eq!((record.patient.as_deref(), record.stratum.as_deref()), (Some("P1"), Some("心内科")));
    assert_eq!(record.date, Some(Date { year: 2024, month: 3, day: 5 }));
    assert!(record.fields.iter().all(|field| field.path != "身份证"), "a column nobody named");
    // The same from JSON, where a column can be missing or of another kind.
    let json = r#"{"主诉":"胸闷","年龄":52.5,"诊断":"冠心病"}
{"主诉":"胸闷","诊断":"冠心病"}
{"主诉":{"a":"胸闷"},"年龄":52,"诊断":"冠心病"}"#;
    let dataset = read(TURNS, "a.jsonl", json);
    assert_eq!(brief(&dataset), ["u:主诉：胸闷\n{年龄 52.5}|a:冠心病"]);
    assert_eq!(refused(&dataset), [(2, Refusal::MissingKey), (3, Refusal::WrongType)]);
}

#[test]
fn a_constant_system_prompt_stays() {
    let mapping = "[[turn]]\nrole='system'\ntemplate='你是医生'\n[[turn]]\nrole='user'\ntemplate='{q}'\n[[turn]]\nrole='assistant'\ntemplate='{a}'";
    assert_eq!(brief(&read(mapping, "a.jsonl", r#"{"q":"x","a":"y"}"#)), ["s:你是医生|u:x|a:y"]);
}

#[test]
fn text_and_lists_of_turns_are_mapped_too() {
    assert_eq!(brief(&read("text = '{a}。{b?}'", "a.jsonl", r#"{"a":"x"}"#)), ["=x。"]);
    let mapping =
        "[conversation]\ncolumn='对话'\nrole='谁'\ncontent='说'\nuser=['患者','家属']\nassistant=['医生']\n";
    let json = r#"{"对话":[{"谁":"患者","说":"a"},{"谁":"医生","说":"b"},{"谁":"家属","说":"c"},{"谁":"医生","说":"d"}]}
{"对话":[{"谁":"护士","说":"a"}]}
{"对话":[{"谁":"患者"}]}
{"对话":"x"}"#;
    let dataset = read(mapping, "a.jsonl", json);
    assert_eq!(brief(&dataset), ["u:a|a:b|u:c|a:d"]);
    assert_eq!(
        refused(&dataset),
        [(2, Refusal::UnknownRole), (3, Refusal::MissingKey), (4, Refusal::WrongType)]
    );
    assert_eq!(dataset.records[0].fields[1].path, "对话[1].说");
    let csv = "对话\n\"[{\"\"谁\"\":\"\"患者\"\",\"\"说\"\":\"\"a\"\"},{\"\"谁\"\":\"\"医生\"\",\"\"说\"\":\"\"b\"\"}]\"\n";
    assert_eq!(brief(&read(mapping, "a.csv", csv)), ["u:a|a:b"]);
}

#[test]
fn mappings_that_are_unclear_are_refused_with_their_line() {
    for (text, line, words) in [
        ("", 1, "one of"),
        ("text='{a}'\n[[turn]]\nrole='user'\ntemplate='{a}'", 1, "only one"),
        ("\n\npatiant='x'\ntext='{a}'", 3, "patiant"),
        ("text='a'", 1, "names no column"),
        ("text='{a'", 1, "without }"),
        ("text='a}'", 1, "without {"),
        ("text='{}'", 1, "without a column"),
        ("text='{a{b}}'", 1, "without a column"),
        ("[[turn]]\nrole='doctor'\ntemplate='{a}'", 2, "doctor"),
        ("[conversation]\ncolumn='c'\nrole='r'\ncontent='t'\nuser=['p']", 1, "assistant"),
        ("text = ", 1, ""),
    ] {
        let files = Files::new();
        match Mapping::read(&files.write("m.toml", text)).unwrap_err() {
            DataError::File { line: found, reason, .. } => {
                assert_eq!(found, line, "{text}: {reason}");
                assert!(reason.contains(words), "{text}: {reason}");
            }
            other => panic!("{other}"),
        }
    }
    assert!(matches!(Mapping::read(std::path::Path::new("/nowhere.toml")), Err(DataError::Io { .. })));
}

/// A list of turns under the names that the mapping gives them, and a list that the mapping makes no turns
/// of.
#[test]
fn lists_of_turns_are_read_as_the_mapping_says() {
    let conversation =
        "[conversation]\ncolumn = 'talk'\nrole = 'who'\ncontent = 'says'\nuser = ['P']\nassistant = ['D']\n";
    let list = r#"[{"who":"P","says":"q"},{"who":"D","says":"a"}]"#;
    for text in [
        format!("{list}\n{list}"),
        format!("[{list},{list}]"),
        format!("{{\"data\":[{list},{list}]}}"),
        format!("{{\"talk\":{list}}}\n{{\"talk\":{list}}}"),
    ] {
        let dataset = read(conversation, "a.json", &text);
        assert_eq!(brief(&dataset), ["u:q|a:a", "u:q|a:a"], "{text}");
    }
    // Columns that happen to be called as turns are: a list of records, not one conversation.
    let columns = "[[turn]]\nrole = 'user'\ntemplate = '{role}'\n[[turn]]\nrole = 'assistant'\ntemplate = '{content}'\n";
    let dataset = read(columns, "a.json", r#"[{"role":"q","content":"a"},{"role":"r","content":"b"}]"#);
    assert_eq!(brief(&dataset), ["u:q|a:a", "u:r|a:b"]);
}
