//! The repository's own rules, checked on every file: size, header, comments, imports, bounds, layers,
//! circles, `unsafe`, paths in documents, ignored tests, and that every test SECURITY.md relies on exists. A
//! rule without a test is a wish; a rule that cannot fail is one, too, so each is tried on a bad and a good
//! example.

mod arguments;
mod circles;
mod code;
mod commands;
mod comments;
mod ignored;
mod imports;
mod layers;
mod limits;
mod modules;
mod names;
mod paths;
mod samples;
mod source;

use std::path::Path;

use source::{SourceFile, repository, rust_files};

const FILE_LINES_MAX: usize = 500;
/// Half of all files are shorter.
const MEDIAN_LINES_MAX: usize = 150;
const FUNCTION_LINES_MAX: usize = 70;
const ARCHITECTURE_LINES_MAX: usize = 200;
/// The only folders whose files may contain `unsafe`.
const UNSAFE_FOLDERS: [&str; 2] = ["common/model/src/kernels", "common/sandbox/src"];

/// Fails with every offender, not just the first.
fn nobody(rule: &str, offenders: Vec<String>) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}

fn offenders(rule: impl Fn(&SourceFile) -> Vec<String>) -> Vec<String> {
    rust_files().iter().flat_map(rule).collect()
}

#[test]
fn files_are_short() {
    nobody("a file holds one idea in at most 500 lines", offenders(too_long));
}

fn too_long(file: &SourceFile) -> Vec<String> {
    let lines = file.text.lines().count();
    (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines", file.name)).into_iter().collect()
}

#[test]
fn functions_are_short() {
    nobody("a function is shorter than 70 lines", offenders(long_functions));
}

fn long_functions(file: &SourceFile) -> Vec<String> {
    let long = file.functions().into_iter().filter(|function| function.lines >= FUNCTION_LINES_MAX);
    long.map(|function| format!("{}:{}: {} lines", file.name, function.line, function.lines)).collect()
}

#[test]
fn most_files_are_much_shorter() {
    let mut lengths: Vec<usize> = rust_files().iter().map(|file| file.text.lines().count()).collect();
    let median = median(&mut lengths);
    assert!(median < MEDIAN_LINES_MAX, "the median length of a file is {median} lines");
}

fn median(lengths: &mut [usize]) -> usize {
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(0)
}

#[test]
fn unsafe_stays_in_its_two_folders() {
    nobody("unsafe code is allowed in the CPU kernels and the sandbox only", offenders(unsafe_elsewhere));
}

fn unsafe_elsewhere(file: &SourceFile) -> Vec<String> {
    if UNSAFE_FOLDERS.iter().any(|folder| file.name.starts_with(folder)) {
        return Vec::new();
    }
    file.lines_with_word("unsafe")
}

#[test]
fn nothing_is_left_to_be_written() {
    nobody("no stubs", offenders(stubs));
}

fn stubs(file: &SourceFile) -> Vec<String> {
    ["todo", "unimplemented"].iter().flat_map(|name| file.lines_with_word(&format!("{name}!"))).collect()
}

#[test]
fn modules_are_files_named_after_themselves() {
    nobody(
        "a module is foo.rs, not a folder with a nameless file",
        offenders(|file| file.name.ends_with("/mod.rs").then(|| file.name.clone()).into_iter().collect()),
    );
}

#[test]
fn only_the_net_module_names_quinn() {
    let in_code = offenders(|file| {
        if file.name.starts_with("common/src/net") { Vec::new() } else { file.lines_with_word("quinn::") }
    });
    nobody("all traffic goes through common/src/net", in_code);
    for manifest in ["certs", "common/data", "common/model", "coordinator", "site-agent", "tests"] {
        let path = repository().join(manifest).join("Cargo.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("quinn"), "{} depends on quinn", path.display());
    }
}

#[test]
fn the_architecture_fits_in_one_reading() {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let lines = text.lines().count();
    assert!(lines <= ARCHITECTURE_LINES_MAX, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn every_test_that_security_relies_on_exists() {
    names_tests("SECURITY.md");
}

#[test]
fn every_test_that_stands_beside_a_fault_exists() {
    names_tests("tests/FAULTS.md");
}

/// Every `file.rs::test` of a document is a test.
fn names_tests(document: &str) {
    // A document that is not there names no test.
    let text = std::fs::read_to_string(repository().join(document)).unwrap_or_default();
    let named: Vec<(&str, &str)> =
        text.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(".rs::")).collect();
    assert!(named.len() >= 10, "{document} names only {} tests", named.len());
    let missing =
        named.iter().filter(|(file, test)| !is_a_test(&repository().join(format!("{file}.rs")), test));
    let rule = format!("{document} names tests that exist");
    nobody(&rule, missing.map(|(file, test)| format!("{file}.rs::{test}")).collect());
}

/// Whether the file holds a function of this name with a test attribute above it.
fn is_a_test(path: &Path, name: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let defined = |line: &str| line.contains(&format!("fn {name}("));
    lines.iter().enumerate().any(|(index, line)| {
        let above = &lines[index.saturating_sub(4)..index];
        // proptest! puts the attribute above as well; ignored tests do not count as proof.
        defined(line)
            && above.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
            && !above.iter().any(|line| line.trim_start_matches("#[").starts_with("ignore"))
    })
}

#[test]
fn long_files_and_functions_unsafe_and_stubs_are_found() {
    let lines = |count: usize| "    f();\n".repeat(count);
    let file = |name: &str, text: &str| SourceFile::new(name, text);
    assert_eq!(too_long(&file("a.rs", &lines(FILE_LINES_MAX + 1))), ["a.rs: 501 lines"]);
    assert!(too_long(&file("a.rs", &lines(FILE_LINES_MAX))).is_empty());
    let function = |count: usize| format!("fn f() {{\n{}}}\n", lines(count));
    assert_eq!(long_functions(&file("a.rs", &function(FUNCTION_LINES_MAX))), ["a.rs:1: 70 lines"]);
    assert!(long_functions(&file("a.rs", &function(FUNCTION_LINES_MAX - 1))).is_empty());
    assert_eq!(unsafe_elsewhere(&file("a.rs", "unsafe { f() }")).len(), 1);
    assert!(unsafe_elsewhere(&file("common/sandbox/src/a.rs", "unsafe { f() }")).is_empty());
    // In two pieces, so that a search for stubs does not find this line.
    let stub = ["to", "do!()"].concat();
    assert_eq!(stubs(&file("a.rs", &format!("fn f() {{ {stub} }}\n// {stub}\n"))).len(), 1);
    assert_eq!(median(&mut [300, 10, 20]), 20);
}
