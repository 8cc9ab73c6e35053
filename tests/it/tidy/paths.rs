//! Every path that a document names exists. Run by `cargo test`.

use std::path::{Path, PathBuf};

use super::nobody;
use super::source::{documents, relative, repository, rust_files};

/// Files of the repository that a document names by the end of their path, such as `src/room.rs`.
const SOURCE_ENDINGS: [&str; 4] = ["rs", "md", "py", "sql"];
const OTHER_ENDINGS: [&str; 6] = ["toml", "json", "jsonl", "tsv", "service", "lock"];

/// What paths are looked for in.
struct Tree {
    /// Paths of all source files and documents, relative to the repository.
    files: Vec<String>,
    root: PathBuf,
}

impl Tree {
    fn of_repository() -> Self {
        let mut files: Vec<String> = rust_files().into_iter().map(|file| file.name).collect();
        files.extend(documents().iter().map(|path| relative(path)));
        let scripts = ["deploy", "coordinator/migrations"].map(|folder| repository().join(folder));
        let entries =
            scripts.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
        files.extend(entries.map(|entry| relative(&entry.path())));
        Self { files, root: repository().to_owned() }
    }

    /// Whether a path named in a document of `folder` is there, or is no path of the repository.
    fn holds(&self, folder: &Path, path: &str) -> bool {
        if self.root.join(path).exists() || folder.join(path).exists() {
            return true;
        }
        let first = path.split('/').next().unwrap_or_default();
        let is_ours = path.contains('/')
            && first != "target"
            && (self.root.join(first).is_dir() || folder.join(first).is_dir());
        let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
        let is_source = SOURCE_ENDINGS.contains(&ending);
        // A source file may be named by the end of its path; a folder or a setting may be a user's.
        !is_ours && (!is_source || self.files.iter().any(|file| file.ends_with(&format!("/{path}"))))
    }
}

#[test]
fn documents_name_paths_that_exist() {
    let tree = Tree::of_repository();
    let documents = documents();
    assert!(documents.len() >= 8, "only {} documents were found", documents.len());
    let gone = documents.iter().flat_map(|document| {
        let text = std::fs::read_to_string(document).unwrap_or_default();
        let folder = document.parent().unwrap_or_else(|| Path::new("."));
        let missing = missing_paths(&text, folder, &tree);
        missing.into_iter().map(move |path| format!("{}: {path}", relative(document)))
    });
    nobody("a path named in a document exists", gone.collect());
}

fn missing_paths(text: &str, folder: &Path, tree: &Tree) -> Vec<String> {
    let prose = without_fences(text);
    let named =
        code_spans(&prose).into_iter().filter_map(path_in_code).filter(|path| !tree.holds(folder, path));
    let linked = link_targets(&prose).into_iter().filter(|target| !folder.join(target).exists());
    named.chain(linked).map(str::to_owned).collect()
}

/// The text without its blocks of code: what stands there is typed by a user.
fn without_fences(text: &str) -> String {
    let mut inside = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

fn code_spans(prose: &str) -> Vec<&str> {
    let paragraphs = prose.split("\n\n");
    paragraphs.flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2)).collect()
}

/// The path that a code span is, if it is one: with a known ending, or a folder with its slash.
fn path_in_code(code: &str) -> Option<&str> {
    let path = code.split("::").next().unwrap_or_default();
    let path = path.strip_prefix("./").unwrap_or(path);
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_file = SOURCE_ENDINGS.contains(&ending) || (OTHER_ENDINGS.contains(&ending) && path.contains('/'));
    let starts_well = path.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
    let is_folder = path.ends_with('/') && path.len() > 1;
    (plain && starts_well && !path.starts_with('/') && (is_file || is_folder)).then_some(path)
}

/// Where the links of a document lead inside the repository.
fn link_targets(prose: &str) -> Vec<&str> {
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|target| !target.is_empty() && !target.contains(':')).collect()
}

#[test]
fn a_path_that_exists_passes_and_one_that_does_not_is_found() {
    let tree = Tree::of_repository();
    let good = "`tests/it/main.rs`, `common/src/`, `tidy/paths.rs`, `tests/it/main.rs::a_test`, `inbox/`, `agent.toml`,\n`./deploy/demo`, `std::path`, [x](README.md#a), [y](https://a.b/c.md)\n\n```sh\ncat `tests/gone.rs`\n```\n";
    assert_eq!(missing_paths(good, repository(), &tree), [""; 0]);
    let bad = "`tests/gone.rs`, `common/gone/`, `nowhere/gone.rs`, `deploy/gone.toml`, [x](GONE.md)";
    assert_eq!(
        missing_paths(bad, repository(), &tree),
        ["tests/gone.rs", "common/gone/", "nowhere/gone.rs", "deploy/gone.toml", "GONE.md"]
    );
    // Beside the document, too.
    assert_eq!(
        missing_paths("`it/main.rs` `it/gone.rs`", &repository().join("tests"), &tree),
        ["it/gone.rs"]
    );
}
