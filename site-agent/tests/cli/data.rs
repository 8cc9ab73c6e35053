//! `site-agent data check` and `show` as a person runs them: files with planted identifiers, refused records,
//! duplicates.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::support::{demo_model, program, words};

/// Synthetic: the published check vector of GB 11643, and numbers nobody has.
const PLANTED: [&str; 4] = ["11010519491231002X", "13800138000", "王小明", "6222021234567890123"];

fn record(question: &str, answer: &str) -> String {
    serde_json::json!({"instruction": question, "input": "", "output": answer}).to_string()
}

/// Enough clean records for the self-test, and some of every other verdict behind them.
fn files(folder: &Path) -> PathBuf {
    let mut lines: Vec<String> = (0..60)
        .map(|index| {
            record(
                &format!("第{index}种头痛应该怎么办？请说明原因{index}。"),
                &format!("建议休息并观察{index}天。"),
            )
        })
        .collect();
    lines.push(record("我的身份证号是11010519491231002X，怎么报销？", "请到医保窗口办理。"));
    lines.push(record("患者王小明，电话13800138000，何时复诊？", "一周后复诊。"));
    lines.push(lines[3].clone());
    lines.push(record("没有回答的问题", ""));
    lines.push(r#"{"unknown": 1}"#.to_owned());
    let path = folder.join("records.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let out = folder.join("out");
    program()
        .args(["data", "check"])
        .args(arguments)
        .arg("--out")
        .arg(&out)
        .env("LC_ALL", "C")
        .output()
        .unwrap()
}

#[test]
fn every_record_has_a_verdict_and_findings_point_at_the_identifier() {
    let place = tempfile::tempdir().unwrap();
    let path = files(place.path());
    let text = fs::read_to_string(&path).unwrap();
    let output = check(place.path(), &[path.to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{}", words(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let records = report["records"].as_array().unwrap();
    assert_eq!(records.len(), 65);
    let verdict = |line: usize| records[line - 1]["verdict"].as_str().unwrap().to_owned();
    assert_eq!([verdict(1), verdict(61), verdict(62), verdict(64)], ["train", "block", "block", "refuse"]);
    assert_eq!(records[63]["reason"], "empty-answer");
    assert_eq!(records[62]["duplicate_of"]["line"], 4);
    assert_eq!(
        (&records[62]["is_trained"], &records[3]["is_trained"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
    let finding = &records[60]["findings"][0];
    assert_eq!(
        (finding["kind"].as_str().unwrap(), finding["field"].as_str().unwrap()),
        ("citizen-id", "instruction")
    );
    let line: Value = serde_json::from_str(text.lines().nth(60).unwrap()).unwrap();
    let (start, end) =
        (finding["start"].as_u64().unwrap() as usize, finding["end"].as_u64().unwrap() as usize);
    assert_eq!(&line["instruction"].as_str().unwrap()[start..end], PLANTED[0]);
}

#[test]
fn nothing_that_is_printed_or_written_holds_a_planted_value_or_a_word_of_a_record() {
    let place = tempfile::tempdir().unwrap();
    let path = files(place.path());
    let model = demo_model();
    for extra in
        [&["--json"][..], &["--lang", "zh"], &["--lang", "en", "--screen", "mask"], &["--screen", "report"]]
    {
        let mut arguments = vec![path.to_str().unwrap(), "--model", model.to_str().unwrap()];
        arguments.extend(extra);
        let output = check(place.path(), &arguments);
        assert!(output.status.success(), "{}", words(&output));
        let mut everything = vec![output.stdout, output.stderr];
        for name in ["data-report.html", "data-manifest.json"] {
            everything.push(fs::read(place.path().join("out").join(name)).unwrap());
        }
        for bytes in everything {
            let text = String::from_utf8(bytes).unwrap();
            for secret in PLANTED.iter().chain(&["应该怎么办", "医保窗口", "观察"]) {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

#[test]
fn the_report_counts_what_the_json_lists() {
    let place = tempfile::tempdir().unwrap();
    let path = files(place.path());
    let output = check(place.path(), &[path.to_str().unwrap(), "--lang", "en"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for line in ["read        65 ", "blocked     2 ", "refused     2 ", "duplicates  1 ", "trained on  60 "] {
        assert!(text.contains(line), "{line:?} in\n{text}");
    }
    let long = text.lines().filter(|line| !line.starts_with("wrote ") && line.chars().count() > 80);
    assert_eq!(long.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(!text.contains('\u{1b}'), "no colour where there is no terminal");
}

#[test]
fn bad_input_gets_a_sentence_and_a_hint() {
    let place = tempfile::tempdir().unwrap();
    let path = files(place.path());
    let refused = place.path().join("refused.jsonl");
    fs::write(&refused, record("q", "")).unwrap();
    let missing = place.path().join("missing.jsonl");
    let cases: [(&[&str], &str); 4] = [
        (&[missing.to_str().unwrap()], "missing.jsonl"),
        (&[refused.to_str().unwrap()], "no record may be trained on"),
        (&[path.to_str().unwrap(), "--model", "/nonexistent"], "/nonexistent"),
        (&[path.to_str().unwrap(), "--screen", "hide"], "screen"),
    ];
    for (arguments, expected) in cases {
        let output = check(place.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", words(&output));
        assert!(words(&output).contains(expected), "{arguments:?}: {}", words(&output));
    }
}

#[test]
fn show_speaks_to_a_terminal_only_unless_told_otherwise() {
    let place = tempfile::tempdir().unwrap();
    let path = files(place.path());
    let model = demo_model();
    let show = |arguments: &[&str]| {
        program().args(["data", "show"]).args(arguments).arg(&path).args(["--lang", "en"]).output().unwrap()
    };
    let refused = show(&["61"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty() && words(&refused).contains("not a terminal"), "{}", words(&refused));
    let shown = show(&["61", "--allow-pipe", "--model", model.to_str().unwrap()]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("«11010519491231002X»(citizen-id)"), "{text}");
    assert!(text.contains("verdict: blocked") && text.contains("what the model sees: nothing;"), "{text}");
    let shown = show(&["1", "--allow-pipe", "--model", model.to_str().unwrap()]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("verdict: clean") && text.contains("[["), "{text}");
    let none = show(&["66", "--allow-pipe"]);
    assert!(words(&none).contains("there is no record 66; the files hold 65"), "{}", words(&none));
}

/// What an officer does: the files again, and the manifest of the run.
#[test]
fn an_earlier_manifest_tells_whether_records_and_settings_are_the_same() {
    let place = tempfile::tempdir().unwrap();
    let path = files(place.path());
    let path = path.to_str().unwrap();
    assert!(check(place.path(), &[path, "--lang", "en"]).status.success());
    let manifest = place.path().join("earlier.json");
    fs::rename(place.path().join("out/data-manifest.json"), &manifest).unwrap();
    let manifest = manifest.to_str().unwrap();
    let same = check(place.path(), &[path, "--lang", "en", "--compare", manifest]);
    assert!(same.status.success(), "{}", words(&same));
    assert!(String::from_utf8_lossy(&same.stdout).contains("the same records and settings"));
    let other = check(place.path(), &[path, "--lang", "en", "--screen", "mask", "--compare", manifest]);
    assert_eq!(other.status.code(), Some(1));
    assert!(words(&other).contains("different: root, records, configuration"), "{}", words(&other));
    // One character of one answer.
    let changed = fs::read_to_string(path).unwrap().replacen("建议休息", "建议卧床", 1);
    fs::write(path, changed).unwrap();
    let other = check(place.path(), &[path, "--lang", "en", "--compare", manifest]);
    assert_eq!(other.status.code(), Some(1));
    assert!(words(&other).contains("different: root"), "{}", words(&other));
    let none = check(place.path(), &[path, "--compare", path]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        words(&none).contains("not a data manifest") && words(&none).contains("hint:"),
        "{}",
        words(&none)
    );
}

#[test]
fn files_are_mixed_by_weight() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str, count: usize| {
        let line = |index: usize| {
            record(&format!("{name}的第{index}个问题应该怎么处理？编号{}", index * 31), "请休息。")
        };
        let path = place.path().join(format!("{name}.jsonl"));
        fs::write(&path, (0..count).map(line).collect::<Vec<_>>().join("\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (heart, brain) = (file("heart", 300), file("brain", 90));
    let output = check(place.path(), &[&heart, &brain, "--mix", "60,40", "--duplicates", "ignore", "--json"]);
    assert!(output.status.success(), "{}", words(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |name: &str| {
        let records = report["records"].as_array().unwrap().iter();
        records.filter(|record| record["file"].as_str().unwrap().contains(name)).count()
    };
    assert_eq!((of("heart"), of("brain")), (135, 90), "60 to 40 until the second file is used up");
    let wrong = check(place.path(), &[&heart, &brain, "--mix", "60"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(words(&wrong).contains("2 files and 1 weights"), "{}", words(&wrong));
}
