//! No tuple hides how many arguments a function takes. Clippy counts them: the number is in clippy.toml.
//! Run by `cargo test`.

use super::source::{SourceFile, block_length};
use super::{nobody, offenders};

#[test]
fn no_tuple_hides_arguments() {
    nobody(
        "an argument is a struct with named fields, not a tuple that is taken apart",
        offenders(|file| if file.is_test() { Vec::new() } else { taken_apart(file) }),
    );
}

/// A function of one argument may: it takes the items of an iterator.
fn taken_apart(file: &SourceFile) -> Vec<String> {
    let code = file.shipped_code();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let starts_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let Some((name, arguments)) = signature(&code[at + 3..]).filter(|_| starts_word) else { continue };
        let is_tuple = |argument: &&str| argument.trim_start_matches(['&', ' ']).starts_with('(');
        if arguments.len() > 1 && arguments.iter().any(is_tuple) {
            found.push(format!("{}:{}: {name}", file.name, code[..at].matches('\n').count() + 1));
        }
    }
    found
}

/// Name and arguments of what follows `fn `.
fn signature(code: &str) -> Option<(&str, Vec<&str>)> {
    let name_end = code.find(|c: char| !c.is_alphanumeric() && c != '_').filter(|end| *end > 0)?;
    let (name, rest) = code.split_at(name_end);
    let opens = if rest.starts_with('<') { generics_length(rest) } else { 0 };
    let list = rest.get(opens..)?.strip_prefix('(')?;
    let list = &list[..block_length(&rest[opens..]).saturating_sub(2)];
    Some((name, split_at_commas(list)))
}

/// The length of `<...>`; the `>` of an arrow does not close it.
fn generics_length(code: &str) -> usize {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, character) in code.char_indices() {
        match character {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
        before = character;
    }
    code.len()
}

fn split_at_commas(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut before) = (0_usize, 0, ' ');
    let mut parts = Vec::new();
    for (at, character) in list.char_indices() {
        match character {
            '(' | '[' | '{' | '<' => depth += 1,
            '>' if before == '-' => {}
            ')' | ']' | '}' | '>' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        before = character;
    }
    parts.push(&list[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[test]
fn a_tuple_that_is_taken_apart_is_found() {
    let good = "fn f<F: Fn(u8, u8) -> u8>(&self, a: (u8, u8), b: Map<A, B>, c: F,\n d: [u8; 2],\n) {}\nfn g() {}\nfn item((a, b): (u8, u8)) {}\nlet h: fn (u8);\n";
    assert_eq!(taken_apart(&SourceFile::new("a/src/a.rs", good)), [""; 0]);
    let bad = "\npub fn f(&self, (a, b): (u8, u8)) {}\nfn g<T>(x: T, &(a, b): &(u8, u8)) {}\n";
    assert_eq!(taken_apart(&SourceFile::new("a/src/a.rs", bad)), ["a/src/a.rs:2: f", "a/src/a.rs:3: g"]);
}
