//! A test that is ignored is run by a script in `deploy`, and its last result is written down. Run by
//! `cargo test`. Invariant: without both nobody runs it, and nobody knows.

use super::nobody;
use super::source::{repository, rust_files};

/// An ignored test: its file, its name, and the script that its reason names.
#[derive(Debug, PartialEq, Eq)]
struct Ignored {
    file: String,
    test: String,
    script: Option<String>,
}

/// The ignored tests of a file. A reason says "run by deploy/SCRIPT".
fn ignored(file: &str, text: &str) -> Vec<Ignored> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let attribute = concat!("#[", "ignore");
    let found = lines.iter().enumerate().filter(|(_, line)| line.starts_with(attribute));
    let test = |at: usize| {
        let name = lines[at..].iter().find_map(|line| line.strip_prefix("fn "));
        name.and_then(|rest| rest.split('(').next()).unwrap_or_default().to_owned()
    };
    let script = |line: &str| {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_/".contains(letter);
        let rest = &line[line.find("run by deploy/")? + "run by ".len()..];
        Some(rest.chars().take_while(|letter| is_name(*letter)).collect())
    };
    found.map(|(at, line)| Ignored { file: file.to_owned(), test: test(at), script: script(line) }).collect()
}

/// What is missing of an ignored test: its script, the script's run of ignored tests, a dated row.
fn lacks(ignored: &Ignored, read: impl Fn(&str) -> String, table: &str) -> Option<String> {
    let Ignored { file, test, script } = ignored;
    let Some(script) = script else { return Some(format!("{file}: {test} names no script")) };
    if !read(script).contains("--ignored") {
        return Some(format!("{file}: {script} runs no ignored test"));
    }
    let is_dated = |row: &str| row.split(|letter: char| !letter.is_ascii_digit()).any(|word| word.len() == 4);
    let is_row =
        |row: &str| row.starts_with('|') && row.contains(&format!("`{test}`")) && row.contains(script);
    let has_result = table.lines().any(|row| is_row(row) && is_dated(row.rsplit('|').nth(1).unwrap_or("")));
    (!has_result).then(|| format!("{file}: {test} has no dated result in tests/README.md"))
}

#[test]
fn ignored_tests_have_a_script_and_a_last_result() {
    let table = std::fs::read_to_string(repository().join("tests/README.md")).unwrap();
    let read = |script: &str| std::fs::read_to_string(repository().join(script)).unwrap_or_default();
    let files = rust_files();
    let all: Vec<Ignored> = files.iter().flat_map(|file| ignored(&file.name, &file.text)).collect();
    assert!(!all.is_empty(), "the long tests are ignored ones");
    nobody(
        "an ignored test is run by a script in deploy/, and its last result stands in tests/README.md",
        all.iter().filter_map(|ignored| lacks(ignored, read, &table)).collect(),
    );
}

#[test]
fn an_ignored_test_without_script_or_result_is_found() {
    let attribute = concat!("#[", "ignore");
    let text = format!("#[test]\n{attribute} = \"minutes: run by deploy/long-tests\"]\nfn slow() {{}}\n");
    let found = ignored("a.rs", &text);
    let slow = Ignored { file: "a.rs".into(), test: "slow".into(), script: Some("deploy/long-tests".into()) };
    assert_eq!(found, [slow]);
    let runs = |_: &str| "cargo test -- --ignored".to_owned();
    let row = "| `slow` | `deploy/long-tests` | 2026-11-29: passed |";
    assert_eq!(lacks(&found[0], runs, row), None);
    assert!(lacks(&found[0], runs, "| `slow` | `deploy/long-tests` | |").is_some(), "no result");
    assert!(lacks(&found[0], runs, "| `other` | `deploy/long-tests` | 2026: passed |").is_some());
    assert!(lacks(&found[0], |_| String::new(), row).is_some(), "no such script");
    let without = ignored("a.rs", &format!("{attribute}]\nfn slow() {{}}"));
    assert!(lacks(&without[0], runs, row).is_some(), "no reason");
}
