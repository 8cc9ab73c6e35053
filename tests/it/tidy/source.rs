//! The repository's files as the tidy rules see them. Called by every rule of `tidy`.
//! Invariant: lines are counted from 1. Relies on rustfmt: a function ends at a brace indented like its `fn`.

use std::path::{Path, PathBuf};

use super::code::{code_of, has_word};

/// Folders at the top that hold our source.
const TOPS: [&str; 5] = ["certs", "common", "coordinator", "site-agent", "tests"];

/// One Rust file with its path relative to the repository.
#[derive(Clone)]
pub(super) struct SourceFile {
    pub(super) name: String,
    pub(super) text: String,
    /// The text without comments and the contents of literals.
    pub(super) code: String,
}

/// A function's first line, and the lines of its body that are neither blank nor comments: what clippy
/// counts.
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
    let tops = TOPS.map(|top| repository().join(top));
    let files: Vec<SourceFile> = files_under(tops.to_vec(), "rs")
        .into_iter()
        .map(|path| SourceFile::new(&relative(&path), std::fs::read_to_string(&path).unwrap_or_default()))
        .collect();
    assert!(files.len() > 50, "only {} source files were found; is the search broken?", files.len());
    files
}

/// Every document of the repository: at its top, beside the source, and in `deploy`.
pub(super) fn documents() -> Vec<PathBuf> {
    let tops = TOPS.iter().chain(&["deploy"]).map(|top| repository().join(top));
    let mut found = files_under(tops.collect(), "md");
    let top = std::fs::read_dir(repository()).into_iter().flatten().flatten();
    let is_document = |path: &PathBuf| path.extension().is_some_and(|end| end == "md");
    found.extend(top.map(|entry| entry.path()).filter(is_document));
    found
}

/// A path relative to the repository.
pub(super) fn relative(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap_or(path).to_string_lossy().into_owned()
}

fn files_under(mut waiting: Vec<PathBuf>, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name == "target") {
                continue;
            }
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            waiting.extend(entries.map(|entry| entry.path()));
        } else if path.extension().is_some_and(|end| end == extension) {
            files.push(path);
        }
    }
    files.sort();
    files
}

impl SourceFile {
    pub(super) fn new(name: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { name: name.to_owned(), code: code_of(&text), text }
    }

    /// The crate's folder and the path inside its `src`; `None` for a file outside a `src`.
    pub(super) fn in_crate(&self) -> Option<(&str, &str)> {
        self.name.split_once("/src/")
    }

    /// Whether nothing that ships is in it: tests, benchmarks, examples, fuzzing.
    pub(super) fn is_test(&self) -> bool {
        let inside = self.in_crate().map_or(self.name.as_str(), |(_, inside)| inside);
        let in_folder = |folder: &str| inside.split('/').any(|part| part == folder);
        self.in_crate().is_none()
            || self.name.starts_with("tests/fuzz/")
            || inside == "tests.rs"
            || inside.ends_with("/tests.rs")
            || in_folder("tests")
            || self.is_test_by_attribute()
    }

    /// A module of another name that its parent includes in tests only says so at its top.
    fn is_test_by_attribute(&self) -> bool {
        self.header().contains("Tests only.")
    }

    /// The code without its inline test modules.
    pub(super) fn shipped_code(&self) -> String {
        let mut shipped = self.code.clone();
        while let Some(start) = shipped.find("#[cfg(test)]") {
            let rest = &shipped[start..];
            let opens = rest.find(['{', ';']).unwrap_or(rest.len());
            let end =
                if rest[opens..].starts_with('{') { opens + block_length(&rest[opens..]) } else { opens };
            let blanked: String = rest[..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            shipped.replace_range(start..start + end, &blanked);
        }
        shipped
    }

    /// The `//!` lines at the top, as one text.
    pub(super) fn header(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix("//!"));
        lines.map(str::trim).collect::<Vec<_>>().join(" ")
    }

    /// `file:line` of each line whose code holds the word, as a word.
    pub(super) fn lines_with_word(&self, word: &str) -> Vec<String> {
        let numbered = self.code.lines().zip(self.text.lines()).enumerate();
        let hits = numbered.filter(|(_, (code, _))| has_word(code, word));
        hits.map(|(index, (_, line))| format!("{}:{}: {}", self.name, index + 1, line.trim())).collect()
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

/// The length of a text that starts with a bracket, up to the one that closes it.
pub(super) fn block_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code.char_indices() {
        match character {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        matches!(*word, "pub" | "const" | "async" | "unsafe" | "extern" | "\"C\"") || word.starts_with("pub(")
    });
    words.next() == Some("fn") && !line.trim_end().ends_with('}')
}

#[test]
fn the_length_of_a_function_is_found() {
    let text = "fn one() {\n\n    // why\n    two();\n}\n\nimpl A {\n    pub(crate) fn three(\n        a: u8,\n    ) {\n        a;\n    }\n}\n";
    let found: Vec<(usize, usize)> =
        SourceFile::new("", text).functions().iter().map(|found| (found.line, found.lines)).collect();
    assert_eq!(found, [(1, 1), (8, 1)]);
}

#[test]
fn test_files_are_told_from_what_ships() {
    for name in ["a/src/tests.rs", "a/src/b/tests.rs", "a/src/b/tests/c.rs", "a/tests/c.rs", "tests/it/c.rs"]
    {
        assert!(SourceFile::new(name, "").is_test(), "{name}");
    }
    for name in ["a/src/b.rs", "tests/src/demo.rs", "a/b/src/tests_of_time.rs"] {
        assert!(!SourceFile::new(name, "").is_test(), "{name}");
    }
}

#[test]
fn inline_tests_are_cut_out_and_the_rest_stays() {
    let file = SourceFile::new(
        "",
        "use a;\n#[cfg(test)]\nmod tests {\n    use b;\n}\n#[cfg(test)]\nmod more;\nuse c;\n",
    );
    let shipped = file.shipped_code();
    assert!(shipped.contains("use a;") && shipped.contains("use c;"));
    assert!(!shipped.contains("use b;") && !shipped.contains("mod more"));
    assert_eq!(shipped.lines().count(), 8);
}
