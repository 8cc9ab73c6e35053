//! Rust source files as the tidy rules see them: lines, words outside comments and strings, and
//! approximate functions. Relies on rustfmt: a function ends at a brace indented like its `fn`.

use std::path::{Path, PathBuf};

/// One file with its path relative to the repository.
pub(super) struct SourceFile {
    pub(super) name: String,
    pub(super) text: String,
}

/// A function's first line (from 1), and the lines of its body that are neither blank nor comments:
/// what clippy counts.
pub(super) struct Function {
    pub(super) line: usize,
    pub(super) lines: usize,
}

/// The repository's root.
pub(super) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// Every .rs file of the workspace, outside build folders.
pub(super) fn rust_files() -> Vec<SourceFile> {
    let mut files = Vec::new();
    let tops = ["certs", "common", "coordinator", "site-agent", "tests"];
    let mut waiting: Vec<PathBuf> = tops.iter().map(|top| repository().join(top)).collect();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name == "target") {
                continue;
            }
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            waiting.extend(entries.map(|entry| entry.path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(repository()).unwrap_or(&path).to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            files.push(SourceFile { name, text });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

impl SourceFile {
    /// `file:line` of each line whose code holds the word, as a word.
    pub(super) fn lines_with_word(&self, word: &str) -> Vec<String> {
        let numbered = self.text.lines().enumerate();
        let hits = numbered.filter(|(_, line)| has_word(&code_of(line), word));
        hits.map(|(index, line)| format!("{}:{}: {}", self.name, index + 1, line.trim())).collect()
    }

    /// Functions with a body.
    pub(super) fn functions(&self) -> Vec<Function> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut functions = Vec::new();
        for (start, line) in lines.iter().enumerate() {
            if !begins_function(line) {
                continue;
            }
            let indent = &line[..line.len() - line.trim_start().len()];
            let end = lines[start..].iter().position(|later| {
                // A body's closing brace, or the semicolon of a trait method without one.
                let rest = later.strip_prefix(indent).filter(|rest| !rest.starts_with(' '));
                rest.is_some_and(|rest| rest.starts_with('}') || rest.ends_with(';'))
            });
            let Some(end) = end.map(|length| start + length) else { continue };
            let Some(opens) = (start..end).find(|index| lines[*index].trim_end().ends_with('{')) else {
                continue;
            };
            let is_code = |line: &&&str| !line.trim().is_empty() && !line.trim().starts_with("//");
            let lines = lines[opens + 1..end].iter().filter(is_code).count();
            functions.push(Function { line: start + 1, lines });
        }
        functions
    }
}

fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        matches!(*word, "pub" | "const" | "async" | "unsafe" | "extern" | "\"C\"") || word.starts_with("pub(")
    });
    words.next() == Some("fn") && !line.trim_end().ends_with('}')
}

/// A line without its comment and without the contents of its string literals. Good enough for one
/// line at a time; a string that spans lines is text in every file we have.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut characters = line.chars().peekable();
    let mut in_string = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_string => {
                characters.next();
            }
            '"' => in_string = !in_string,
            '/' if !in_string && characters.peek() == Some(&'/') => break,
            other if !in_string => code.push(other),
            _ => {}
        }
    }
    code
}

fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let is_name = |character: char| character.is_alphanumeric() || character == '_';
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let ends_open = word.ends_with(|last: char| !is_name(last));
        !before.is_some_and(is_name) && (ends_open || !after.is_some_and(is_name))
    })
}

#[test]
fn words_in_comments_and_strings_do_not_count() {
    assert!(has_word(&code_of("    unsafe { read() }"), "unsafe"));
    assert!(!has_word(&code_of("    // unsafe here"), "unsafe"));
    assert!(!has_word(&code_of("    let text = \"unsafe\";"), "unsafe"));
    assert!(!has_word(&code_of("#![allow(unsafe_code)]"), "unsafe"));
    assert!(has_word(&code_of("use quinn::Endpoint;"), "quinn::"));
}

#[test]
fn the_length_of_a_function_is_found() {
    let text = "fn one() {\n\n    // why\n    two();\n}\n\nimpl A {\n    pub(crate) fn three(\n        a: u8,\n    ) {\n        a;\n    }\n}\n";
    let file = SourceFile { name: String::new(), text: text.to_owned() };
    let found: Vec<(usize, usize)> = file.functions().iter().map(|found| (found.line, found.lines)).collect();
    assert_eq!(found, [(1, 1), (8, 1)]);
}
