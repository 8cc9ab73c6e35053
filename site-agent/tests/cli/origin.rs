//! Provenance and the adviser as a person meets them: `site-agent data check` and `data show` on records that
//! say where they come from.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{program, words};

const REVIEWER: &str = "张三丰医生";

/// Forty records, some written by a machine, some of long ago.
fn records(folder: &Path) -> String {
    let line = |index: usize| {
        let mut record = serde_json::json!({
            "instruction": format!("第{index}种头痛持续{}天应该怎么办？", index * 7),
            "output": format!("建议休息并观察{index}天。"),
            "department": if index.is_multiple_of(2) { "神经科" } else { "心内科" },
            "source": "指南",
            "year": if index < 10 { 1990 } else { 2024 },
        });
        if index < 4 {
            record["ai_made"] = true.into();
        }
        if index == 3 {
            record["reviewed_by"] = REVIEWER.into();
        }
        record.to_string()
    };
    let path = folder.join("records.jsonl");
    fs::write(&path, (0..40).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn check(folder: &Path, language: &str, arguments: &[&str]) -> Output {
    let records = records(folder);
    let out = folder.join("out");
    let mut command = program();
    command.args(["data", "check", &records, "--language", language]).args(arguments);
    command.arg("--out").arg(out).output().unwrap()
}

#[test]
fn what_a_machine_wrote_needs_a_reviewer_unless_the_site_says_otherwise() {
    let place = tempfile::tempdir().unwrap();
    let manifest = || -> Value {
        serde_json::from_slice(&fs::read(place.path().join("out/data-manifest.json")).unwrap()).unwrap()
    };
    let refused = |arguments: &[&str]| {
        let output = check(place.path(), "en", &[&["--json"], arguments].concat());
        assert!(output.status.success(), "{}", words(&output));
        let text = words(&output) + &fs::read_to_string(place.path().join("out/data-report.html")).unwrap();
        assert!(!text.contains(REVIEWER) && !manifest().to_string().contains(REVIEWER));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["counts"]["refused"].clone()
    };
    assert_eq!(refused(&[]), serde_json::json!({"unreviewed-ai-made": 3}));
    let counts = &manifest()["counts"]["provenance"];
    assert_eq!(counts["said"]["source"], 40);
    assert_eq!((&counts["ai_made"], &counts["ai_made_reviewed"]), (&4.into(), &1.into()));
    assert_eq!(counts["years"], serde_json::json!({"1990": 10, "2024": 30}));
    assert_eq!(manifest()["configuration"]["provenance"], Value::Null, "the default is not written");
    assert_eq!(refused(&["--ai-made-needs-review", "false"]), serde_json::json!({}));
    assert_eq!(manifest()["configuration"]["provenance"]["ai_made_needs_review"], false);
    let required = refused(&["--provenance-required", "source,ai-made"]);
    assert_eq!(required, serde_json::json!({"unreviewed-ai-made": 3, "missing-provenance": 36}));
    let wrong = check(place.path(), "en", &["--provenance-required", "author"]);
    assert!(!wrong.status.success() && words(&wrong).contains("reviewed-by"), "{}", words(&wrong));
    let shown = program()
        .args(["data", "show", "1", &records(place.path()), "--allow-pipe", "--language", "en"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(text.contains("a machine wrote it"), "{text} {}", words(&shown));
}

#[test]
fn old_records_are_warned_of_and_the_adviser_refuses_nothing() {
    let place = tempfile::tempdir().unwrap();
    for (language, old, title) in [
        ("en", "Older than 20 years: 7 records", "Advice, after"),
        ("zh", "超过 20 年：用于训练的记录中有 7 条", "建议（依据"),
    ] {
        let output = check(place.path(), language, &["--years-max", "20"]);
        assert!(output.status.success(), "{}", words(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let html = fs::read_to_string(place.path().join("out/data-report.html")).unwrap();
        assert!(text.contains(old) && text.contains(title), "{text}");
        assert!(html.contains(old) && html.contains("records.jsonl:4"), "{html}");
        let wide = text.lines().filter(|line| !line.contains("out/") && !line.contains("records.jsonl"));
        for line in wide {
            let columns = unicode_width::UnicodeWidthStr::width(line);
            assert!(
                columns <= 80 || line.contains("dataset") || line.contains("数据集"),
                "{columns}: {line}"
            );
        }
    }
    let output = check(place.path(), "en", &["--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let advice = report["advice"].as_array().unwrap();
    let topics: Vec<&str> = advice.iter().map(|one| one["topic"].as_str().unwrap()).collect();
    let expected =
        ["department", "department", "small-departments", "balance", "questions", "answers", "mix"];
    assert_eq!(topics, expected);
    assert_eq!((&advice[0]["records"], &advice[0]["least"]), (&19.into(), &1_000.into()));
    let output = check(place.path(), "en", &[]);
    assert!(!String::from_utf8(output.stdout).unwrap().contains("Older than"));
}
