//! The names that a Rust file takes from elsewhere: its `use` trees, unfolded, and the paths in its code.
//! Called by `modules` and `layers`. An approximation by tokens: macros are read as if they were code.

use std::collections::BTreeSet;

use super::source::SourceFile;

/// One name that a `use` brings in.
pub(super) struct Import {
    pub(super) path: Vec<String>,
    /// What it is called here; `*` for everything.
    pub(super) alias: String,
    /// Whether others may take it from here: `pub`, `pub(super)` and so on.
    pub(super) public: bool,
    /// Inline modules around it.
    pub(super) scope: Vec<String>,
}

/// A path of two segments or more in the code.
pub(super) struct Path {
    pub(super) segments: Vec<String>,
    pub(super) scope: Vec<String>,
}

/// What a file names.
#[derive(Default)]
pub(super) struct Names {
    pub(super) imports: Vec<Import>,
    pub(super) paths: Vec<Path>,
    /// Modules it declares, inline ones included.
    pub(super) modules: BTreeSet<String>,
    /// Items it defines.
    pub(super) items: BTreeSet<String>,
    /// Every word outside its `use`s.
    pub(super) words: BTreeSet<String>,
}

impl Names {
    /// Of what ships in the file.
    pub(super) fn of(file: &SourceFile) -> Self {
        let code = file.shipped_code();
        let tokens = tokens(&code);
        let mut reader =
            Reader { tokens: &tokens, at: 0, depth: 0, scopes: Vec::new(), names: Self::default() };
        reader.read();
        reader.names
    }
}

/// Names, `::`, and every other character by itself.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = match name {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            _ => name,
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

struct Reader<'a> {
    tokens: &'a [&'a str],
    at: usize,
    depth: usize,
    /// Inline modules, each with the depth of its braces.
    scopes: Vec<(String, usize)>,
    names: Names,
}

impl<'a> Reader<'a> {
    fn token(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).copied().unwrap_or_default()
    }

    fn scope(&self) -> Vec<String> {
        self.scopes.iter().map(|(name, _)| name.clone()).collect()
    }

    fn read(&mut self) {
        while self.at < self.tokens.len() {
            let token = self.token(0);
            match token {
                "{" => self.depth += 1,
                "}" => {
                    self.depth = self.depth.saturating_sub(1);
                    self.scopes.retain(|(_, depth)| *depth <= self.depth);
                }
                "use" if is_name(self.token(1)) || matches!(self.token(1), "::" | "{") => {
                    self.read_use();
                    continue;
                }
                "mod" if is_name(self.token(1)) => {
                    let name = self.token(1).to_owned();
                    self.names.modules.insert(name.clone());
                    if self.token(2) == "{" {
                        self.scopes.push((name, self.depth + 1));
                    }
                }
                "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static" => {
                    self.names.items.insert(self.token(1).to_owned());
                }
                "macro_rules" => {
                    self.names.items.insert(self.token(2).to_owned());
                }
                // `pub(in super::super)` takes nothing from there.
                "in" if self.at > 1 && self.tokens[self.at - 2..self.at] == ["pub", "("] => {
                    while !matches!(self.token(0), ")" | "") {
                        self.at += 1;
                    }
                }
                name if is_name(name) => self.read_path(),
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Ends on the path's last name.
    fn read_path(&mut self) {
        let mut segments = vec![self.token(0).to_owned()];
        while self.token(1) == "::" && is_name(self.token(2)) {
            self.at += 2;
            segments.push(self.token(0).to_owned());
        }
        self.names.words.extend(segments.iter().cloned());
        if segments.len() > 1 {
            self.names.paths.push(Path { segments, scope: self.scope() });
        }
    }

    /// From `use` to behind its semicolon.
    fn read_use(&mut self) {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let public = before.is_some_and(|token| matches!(*token, "pub" | ")"));
        self.at += if self.token(1) == "::" { 2 } else { 1 };
        let mut found = Vec::new();
        self.read_tree(Vec::new(), &mut found);
        self.at += 1;
        let scope = self.scope();
        let imports =
            found.into_iter().map(|(path, alias)| Import { path, alias, public, scope: scope.clone() });
        self.names.imports.extend(imports);
    }

    /// One branch of a `use`, up to the comma, brace or semicolon that ends it.
    fn read_tree(&mut self, mut path: Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
        loop {
            match self.token(0) {
                "{" => return self.read_group(&path, found),
                "*" => {
                    self.at += 1;
                    return found.push((path, "*".to_owned()));
                }
                // `a::{self}` is `a`.
                "self" if !path.is_empty() => {}
                name => path.push(name.to_owned()),
            }
            self.at += 1;
            if self.token(0) != "::" {
                break;
            }
            self.at += 1;
        }
        let mut alias = path.last().cloned().unwrap_or_default();
        if self.token(0) == "as" {
            alias = self.token(1).to_owned();
            self.at += 2;
        }
        found.push((path, alias));
    }

    fn read_group(&mut self, path: &[String], found: &mut Vec<(Vec<String>, String)>) {
        self.at += 1;
        while !matches!(self.token(0), "}" | "") {
            self.read_tree(path.to_vec(), found);
            if self.token(0) == "," {
                self.at += 1;
            }
        }
        self.at += 1;
    }
}

#[test]
fn a_tree_of_imports_is_unfolded() {
    let text = "pub(super) use a::{self, b::{C, d as e}, f::*};\nuse std::fmt;\nmod m {\n    use super::g;\n}\nuse {h::I};\n";
    let names = Names::of(&SourceFile::new("x.rs", text));
    let found: Vec<(String, &str, bool, usize)> = names
        .imports
        .iter()
        .map(|import| (import.path.join("::"), import.alias.as_str(), import.public, import.scope.len()))
        .collect();
    let expected = [
        ("a", "a", true, 0),
        ("a::b::C", "C", true, 0),
        ("a::b::d", "e", true, 0),
        ("a::f", "*", true, 0),
        ("std::fmt", "fmt", false, 0),
        ("super::g", "g", false, 1),
        ("h::I", "I", false, 0),
    ];
    assert_eq!(found, expected.map(|(path, alias, public, scope)| (path.to_owned(), alias, public, scope)));
}

#[test]
fn paths_items_and_words_are_found() {
    let text = "struct A;\npub(in super::super) fn f(x: &b::C) -> Vec<d::e::F> { x.g::<H>(); crate::i::J::k() }\n// no::thing\n";
    let names = Names::of(&SourceFile::new("x.rs", text));
    let found: Vec<String> = names.paths.iter().map(|path| path.segments.join("::")).collect();
    assert_eq!(found, ["b::C", "d::e::F", "crate::i::J::k"]);
    assert!(names.items.contains("A") && names.items.contains("f"));
    assert!(names.words.contains("H") && !names.words.contains("thing"));
}
