//! One order of imports: std, then other crates, then our own modules. Run by `cargo test`.

use super::source::SourceFile;
use super::{nobody, offenders};

/// One `use` that re-exports nothing: its first and last line from 0, with attributes and comments above it.
struct Import {
    indent: usize,
    first: usize,
    start: usize,
    end: usize,
    rank: usize,
}

#[test]
fn imports_have_one_order() {
    nobody(
        "imports: a block of std, a block of other crates, a block of self, super and crate; one blank line between",
        offenders(misplaced),
    );
}

fn misplaced(file: &SourceFile) -> Vec<String> {
    let lines: Vec<&str> = file.code.lines().collect();
    let imports = imports(&lines);
    let pairs = imports.iter().zip(imports.iter().skip(1));
    let wrong = pairs.filter(|(one, next)| {
        let gap = &lines[one.end + 1..next.first.max(one.end + 1)];
        let is_blank = |line: &&str| line.trim().is_empty();
        // At the top of a file nothing stands between imports; elsewhere other code begins a new list.
        let same_list = one.indent == next.indent && (one.indent == 0 || gap.iter().all(is_blank));
        let fits = if one.rank == next.rank {
            gap.is_empty()
        } else {
            one.rank < next.rank && gap.len() == 1 && gap.iter().all(is_blank)
        };
        same_list && !fits
    });
    wrong.map(|(_, next)| format!("{}:{}: {}", file.name, next.start + 1, lines[next.start].trim())).collect()
}

fn imports(lines: &[&str]) -> Vec<Import> {
    let modules: Vec<&str> = lines.iter().filter_map(|line| declared_module(line)).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let start = at;
        at += 1;
        let text = lines[start].trim_start();
        let Some(path) = text.strip_prefix("use ") else { continue };
        let root = path.trim_start_matches("::").split([':', ';', ' ', '{']).next().unwrap_or_default();
        let rank = match root {
            "std" | "core" | "alloc" => 0,
            "self" | "super" | "crate" => 2,
            own if modules.contains(&own) => 2,
            _ => 1,
        };
        let end = (start..lines.len()).find(|line| lines[*line].contains(';')).unwrap_or(start);
        let is_attribute = |line: &usize| lines[*line].trim_start().starts_with("#[");
        let first = (0..start).rev().take_while(is_attribute).last().unwrap_or(start);
        found.push(Import { indent: lines[start].len() - text.len(), first, start, end, rank });
        at = end + 1;
    }
    found
}

/// The name in `mod name;` or `mod name {`.
fn declared_module(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("mod ")?;
    (before.is_empty() || before.starts_with("pub"))
        .then(|| after.split([';', ' ']).next().unwrap_or_default())
}

#[test]
fn the_order_passes_and_any_other_does_not() {
    let good = "mod child;\n\npub use child::A;\n\nuse std::fmt;\nuse std::io::{\n    Read,\n};\n\nuse serde::Serialize;\n\nuse child::B;\nuse crate::c;\n\nfn f() {\n    use std::fs;\n    fs::f();\n    use crate::d;\n}\n";
    assert!(misplaced(&SourceFile::new("a.rs", good)).is_empty());
    for bad in [
        "use std::fmt;\nuse serde::Serialize;\n",
        "use std::fmt;\n\nuse std::io;\n",
        "use crate::c;\n\nuse serde::Serialize;\n",
        "use std::fmt;\n\n\nuse serde::Serialize;\n",
        "use std::fmt;\n\nconst A: u8 = 1;\n\nuse crate::c;\n",
        "mod tests {\n    use super::*;\n    use std::fmt;\n}\n",
    ] {
        assert_eq!(misplaced(&SourceFile::new("a.rs", bad)).len(), 1, "{bad}");
    }
}
