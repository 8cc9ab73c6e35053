//! Rules about comments: every file says what it is for and who calls it; comment lines are short; terms are
//! the field's own. Run by `cargo test`.

use super::source::{SourceFile, rust_files};
use super::{nobody, offenders};

const COMMENT_COLUMNS: usize = 110;
/// Words of ours for things that have a name, and the name.
const HOME_MADE: [(&str, &str); 1] = [("truth value", "boolean")];

#[test]
fn files_say_what_they_are_for() {
    nobody(
        "a file starts with //!",
        offenders(|file| (!file.text.starts_with("//!")).then(|| file.name.clone()).into_iter().collect()),
    );
}

#[test]
fn files_say_who_calls_them() {
    nobody(
        "the header says who calls the file: \"Called by\", \"Used by\" or \"Run by\"",
        offenders(without_caller),
    );
}

/// Not asked of tests, programs and the root of a crate: cargo calls those.
fn without_caller(file: &SourceFile) -> Vec<String> {
    let Some((_, inside)) = file.in_crate() else { return Vec::new() };
    let is_root = inside.starts_with("bin/") || inside == "lib.rs" || inside == "main.rs";
    let header = file.header();
    let says = ["alled by ", "sed by ", "un by "].iter().any(|words| header.contains(words));
    (!file.is_test() && !is_root && !says).then(|| file.name.clone()).into_iter().collect()
}

#[test]
fn files_for_tests_only_are_compiled_for_tests_only() {
    let files = rust_files();
    let says_so =
        files.iter().filter(|file| file.in_crate().is_some() && file.header().contains("Tests only."));
    let wrong = says_so.filter(|file| {
        let (folder, name) = file.name.rsplit_once('/').unwrap_or(("", &file.name));
        let declared = format!("#[cfg(test)]\nmod {};", name.trim_end_matches(".rs"));
        let parents = [format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")];
        !files.iter().any(|parent| parents.contains(&parent.name) && parent.text.contains(&declared))
    });
    nobody("a file that says \"Tests only.\" is declared so", wrong.map(|file| file.name.clone()).collect());
}

#[test]
fn comments_are_short_lines() {
    nobody(&format!("a comment line has at most {COMMENT_COLUMNS} columns"), offenders(wide_comments));
}

/// A line with an address that cannot be broken may be longer.
fn wide_comments(file: &SourceFile) -> Vec<String> {
    let is_wide = |line: &str| {
        line.trim_start().starts_with("//")
            && line.chars().count() > COMMENT_COLUMNS
            && !line.split_whitespace().any(|word| word.contains("://") && word.len() > COMMENT_COLUMNS / 2)
    };
    let wide = file.text.lines().enumerate().filter(|(_, line)| is_wide(line));
    wide.map(|(index, line)| format!("{}:{}: {} columns", file.name, index + 1, line.chars().count()))
        .collect()
}

#[test]
fn comments_use_the_terms_of_the_field() {
    nobody(
        "a term of the field instead of a home-made one",
        offenders(
            |file| if file.name.starts_with("tests/it/tidy") { Vec::new() } else { home_made_terms(file) },
        ),
    );
}

fn home_made_terms(file: &SourceFile) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    lines
        .flat_map(|(index, line)| {
            let found = HOME_MADE.iter().filter(move |(ours, _)| line.contains(ours));
            found.map(move |(ours, field)| (index + 1, ours, field))
        })
        .map(|(line, ours, field)| format!("{}:{line}: \"{ours}\" is called \"{field}\"", file.name))
        .collect()
}

#[test]
fn a_header_with_a_caller_passes_and_one_without_does_not() {
    let said = SourceFile::new("a/src/b.rs", "//! What it is. Called\n//! by `c`.\n");
    let unsaid = SourceFile::new("a/src/b.rs", "//! What it is.\n\n// Called by `c`.\n");
    let root = SourceFile::new("a/src/lib.rs", "//! What it is.\n");
    assert!(without_caller(&said).is_empty() && without_caller(&root).is_empty());
    assert_eq!(without_caller(&unsaid), ["a/src/b.rs"]);
}

#[test]
fn a_wide_comment_is_found_and_wide_code_or_an_address_is_not() {
    let wide = "x".repeat(COMMENT_COLUMNS);
    let characters = "字".repeat(COMMENT_COLUMNS - 4);
    let text = format!("    /// {wide}\nlet code = \"{wide}\";\n/// {characters}\n// see https://{wide}\n");
    assert_eq!(wide_comments(&SourceFile::new("a.rs", text)), ["a.rs:1: 118 columns"]);
}

#[test]
fn a_home_made_term_is_found() {
    let file = SourceFile::new("a.rs", "/// A boolean.\n/// A truth value.\n");
    assert_eq!(home_made_terms(&file), ["a.rs:2: \"truth value\" is called \"boolean\""]);
}
