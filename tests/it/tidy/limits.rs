//! Bounds stand in the `limits.rs` of their crate, with a reason, and their names say so. Run by `cargo
//! test`.

use super::source::{SourceFile, repository};
use super::{nobody, offenders};

/// Crates that have bounds of their own.
const CRATES: [&str; 11] = [
    "certs",
    "common",
    "common/cli",
    "common/data",
    "common/endpoint",
    "common/evaluation",
    "common/model",
    "common/retrieval",
    "coordinator",
    "site-agent",
    "tests",
];
/// Parts of a name that say that it is a bound.
const WORDS: [&str; 14] = [
    "MAX", "MIN", "DEADLINE", "TIMEOUT", "LIMIT", "LIMITS", "WITHIN", "GRACE", "ATTEMPTS", "WAIT", "RETRY",
    "EVERY", "TICK", "ALIVE",
];

/// A constant: its line, from 0, and its name.
struct Constant {
    line: usize,
    name: String,
}

fn constants(code: &str) -> Vec<Constant> {
    let named = code.lines().enumerate().filter_map(|(line, text)| {
        let (before, after) = text.trim_start().split_once("const ")?;
        let is_visibility = before.is_empty() || before.starts_with("pub");
        let (name, _) = after.split_once(':')?;
        let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        (is_visibility && is_name && name != "_").then(|| Constant { line, name: name.to_owned() })
    });
    named.collect()
}

fn is_limits(file: &SourceFile) -> bool {
    file.in_crate().is_some_and(|(_, inside)| inside == "limits.rs")
}

#[test]
fn every_crate_has_its_limits() {
    let missing = CRATES.iter().filter(|name| !repository().join(name).join("src/limits.rs").is_file());
    nobody("a crate's bounds stand in its src/limits.rs", missing.map(|name| (*name).to_owned()).collect());
}

#[test]
fn limits_hold_nothing_but_named_and_explained_bounds() {
    nobody(
        "a constant in limits.rs ends in _MAX or _MIN and has a doc comment",
        offenders(|file| if is_limits(file) { not_bounds(file) } else { Vec::new() }),
    );
}

fn not_bounds(file: &SourceFile) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let is_wrong = |constant: &Constant| {
        let above = lines[..constant.line].iter().rev().find(|line| !line.trim_start().starts_with("#["));
        let explained = above.is_some_and(|line| line.trim_start().starts_with("///"));
        let named = constant.name.ends_with("_MAX") || constant.name.ends_with("_MIN");
        !explained || !named
    };
    let wrong = constants(&file.shipped_code()).into_iter().filter(is_wrong);
    wrong.map(|constant| format!("{}:{}: {}", file.name, constant.line + 1, constant.name)).collect()
}

#[test]
fn bounds_stand_in_limits() {
    nobody(
        "a bound stands in limits.rs",
        offenders(|file| if file.is_test() || is_limits(file) { Vec::new() } else { stray_bounds(file) }),
    );
}

fn stray_bounds(file: &SourceFile) -> Vec<String> {
    let is_bound = |constant: &Constant| constant.name.split('_').any(|part| WORDS.contains(&part));
    let strays = constants(&file.shipped_code()).into_iter().filter(is_bound);
    strays.map(|constant| format!("{}:{}: {}", file.name, constant.line + 1, constant.name)).collect()
}

#[test]
fn a_bound_with_a_reason_passes_and_others_do_not() {
    let good = "/// Why.\npub const LINES_MAX: usize = 1;\n/// Why.\n#[cfg(unix)]\npub(crate) const SHARE_MIN: f64 = 0.1;\nconst _: () = assert!(true);\n";
    assert!(not_bounds(&SourceFile::new("a/src/limits.rs", good)).is_empty());
    let bad = "pub const LINES_MAX: usize = 1;\n/// Why.\nconst MAX_LINES: usize = 1;\n";
    assert_eq!(
        not_bounds(&SourceFile::new("a/src/limits.rs", bad)),
        ["a/src/limits.rs:1: LINES_MAX", "a/src/limits.rs:2: MAX_LINES"]
            .map(|line| line.replace(":2:", ":3:"))
    );
}

#[test]
fn a_bound_outside_is_found_and_other_constants_are_not() {
    let bad = "const QUEUE_MAX: u8 = 1;\nimpl A {\n    pub(super) const STOP_DEADLINE: u8 = 1;\n}\nconst RETRY_MS: u8 = 1;\n";
    assert_eq!(
        stray_bounds(&SourceFile::new("a.rs", bad)),
        ["a.rs:1: QUEUE_MAX", "a.rs:3: STOP_DEADLINE", "a.rs:5: RETRY_MS"]
    );
    let good = "const MINUTES: u8 = 1;\nconst fn MAX() {}\nfn f<const N: usize>() {}\n// const A_MAX: u8 = 1;\n#[cfg(test)]\nmod tests {\n    const A_MAX: u8 = 1;\n}\n";
    assert!(stray_bounds(&SourceFile::new("a.rs", good)).is_empty());
}
