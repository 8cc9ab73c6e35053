//! No tuple hides how many arguments a function takes. Clippy counts them: the number is in clippy.toml.
//! Run by `cargo test`.

use super::source::{SourceFile, block_length};
use super::{nobody, offenders};

/// Clippy's `too_many_arguments` has the same number, in clippy.toml.
const ARGUMENTS_MAX: usize = 6;

#[test]
fn functions_take_few_arguments() {
    nobody(
        &format!("a function takes at most {ARGUMENTS_MAX} arguments, and no tuple that hides more"),
        offenders(|file| if file.is_test() || is_kernel(file) { Vec::new() } else { overloaded(file) }),
    );
}

/// A kernel of CubeCL is launched with buffers and numbers; it has no structs.
fn is_kernel(file: &SourceFile) -> bool {
    file.name.starts_with("common/model/src/kernels/cube/")
}

fn overloaded(file: &SourceFile) -> Vec<String> {
    let code = file.shipped_code();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let starts_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let Some((name, arguments)) = signature(&code[at + 3..]).filter(|_| starts_word) else { continue };
        let line = code[..at].matches('\n').count() + 1;
        let place = format!("{}:{line}: {name}", file.name);
        if arguments.len() > ARGUMENTS_MAX {
            found.push(format!("{place} takes {} arguments", arguments.len()));
        }
        if arguments.iter().any(|argument| argument.trim_start_matches(['&', ' ']).starts_with('(')) {
            found.push(format!("{place} takes a tuple apart"));
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
fn six_arguments_pass_and_seven_or_a_tuple_do_not() {
    let good = "fn f<F: Fn(u8, u8) -> u8>(&self, a: (u8, u8), b: Map<A, B>, c: F,\n d: [u8; 2],\n) {}\nfn g() {}\nlet h: fn (u8);\n";
    assert!(overloaded(&SourceFile::new("a/src/a.rs", good)).is_empty());
    let bad = "\npub fn f(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) {}\nfn g((a, b): (u8, u8)) {}\nfn h(&(a, b): &(u8, u8)) {}\n";
    assert_eq!(
        overloaded(&SourceFile::new("a/src/a.rs", bad)),
        [
            "a/src/a.rs:2: f takes 7 arguments",
            "a/src/a.rs:3: g takes a tuple apart",
            "a/src/a.rs:4: h takes a tuple apart"
        ]
    );
}
