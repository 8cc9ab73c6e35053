//! The modules of one crate and where their names lead: from a path in a file to the file that defines what
//! it names. Called by `circles` and `layers`. Re-exports are followed, so that a name counts where it is
//! defined.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Names;
use super::source::SourceFile;

/// Re-exports that are followed before a name is given up.
const HOPS: usize = 8;

/// A path with its beginning resolved.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// From the root of this crate.
    Own(Vec<String>),
    /// From another crate.
    Foreign(Vec<String>),
}

/// The files of one crate (or of one program in `src/bin`), tests left out.
pub(super) struct Crate {
    pub(super) files: Vec<SourceFile>,
    names: Vec<Names>,
    modules: Vec<Vec<String>>,
    by_module: BTreeMap<Vec<String>, usize>,
}

/// Every crate and every program with files of its own.
pub(super) fn crates(files: &[SourceFile]) -> Vec<Crate> {
    let mut groups: BTreeMap<String, Vec<SourceFile>> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        let Some((folder, inside)) = file.in_crate() else { continue };
        let root = match inside.strip_prefix("bin/").map(|inside| inside.split_once('/')) {
            Some(Some((program, _))) => format!("{folder}/src/bin/{program}/"),
            Some(None) => format!("{folder}/src/bin/"),
            None => format!("{folder}/src/"),
        };
        groups.entry(root).or_default().push(file.clone());
    }
    let mut crates = Vec::new();
    for (root, mut files) in groups {
        // The program beside a library is a crate of its own.
        if files.iter().any(|file| file.name == format!("{root}lib.rs")) {
            let programs = files.extract_if(.., |file| file.name == format!("{root}main.rs"));
            let programs: Vec<SourceFile> = programs.collect();
            crates.push(Crate::of(&root, programs));
        }
        crates.push(Crate::of(&root, files));
    }
    crates
}

impl Crate {
    /// `root` is the folder of lib.rs or main.rs, with its slash.
    pub(super) fn of(root: &str, files: Vec<SourceFile>) -> Self {
        let modules: Vec<Vec<String>> =
            files.iter().map(|file| module_of(&file.name[root.len()..])).collect();
        let by_module = modules.iter().cloned().zip(0..).collect();
        let names = files.iter().map(Names::of).collect();
        Self { files, names, modules, by_module }
    }

    /// Every path that the file names, with its beginning resolved.
    pub(super) fn named(&self, file: usize) -> Vec<Resolved> {
        let names = &self.names[file];
        let imports = names.imports.iter().map(|import| (&import.path, &import.scope));
        let paths = names.paths.iter().map(|path| (&path.segments, &path.scope));
        imports.chain(paths).map(|(path, scope)| self.resolve(file, path, scope, HOPS)).collect()
    }

    /// Files that define what this file names, with one name each.
    pub(super) fn uses(&self, file: usize) -> BTreeMap<usize, String> {
        let names = &self.names[file];
        let mut found = BTreeMap::new();
        let mut add = |target: usize, path: &[String]| {
            if target != file {
                found.entry(target).or_insert_with(|| path.join("::"));
            }
        };
        for import in &names.imports {
            // What a file only passes on to others it does not use.
            if import.public && (import.alias == "*" || !names.words.contains(&import.alias)) {
                continue;
            }
            let Resolved::Own(path) = self.resolve(file, &import.path, &import.scope, HOPS) else { continue };
            // A module that is imported counts by the names that are taken from it.
            let is_module = self.by_module.contains_key(&path) && import.alias != "*";
            if let Some(target) = self.file_of(&path, HOPS).filter(|_| !is_module) {
                add(target, &path);
            }
        }
        for path in &names.paths {
            let Resolved::Own(path) = self.resolve(file, &path.segments, &path.scope, HOPS) else { continue };
            if let Some(target) = self.file_of(&path, HOPS) {
                add(target, &path);
            }
        }
        found
    }

    /// A path as the file means it: `super` and `self` replaced, imported names put in full.
    fn resolve(&self, file: usize, path: &[String], scope: &[String], hops: usize) -> Resolved {
        let here: Vec<String> = self.modules[file].iter().chain(scope).cloned().collect();
        let (first, rest) = path.split_first().map_or(("", path), |(first, rest)| (first.as_str(), rest));
        match first {
            "crate" => Resolved::Own(rest.to_vec()),
            "self" => Resolved::Own([&here, rest].concat()),
            "super" => {
                let levels = path.iter().take_while(|segment| *segment == "super").count();
                let above = &here[..here.len().saturating_sub(levels)];
                Resolved::Own([above, &path[levels..]].concat())
            }
            name if self.names[file].modules.contains(name) => Resolved::Own([&here, path].concat()),
            name => {
                let import = self.names[file].imports.iter().find(|import| import.alias == name);
                match import.filter(|import| hops > 0 && import.path != path) {
                    Some(import) => {
                        let full = [&import.path, rest].concat();
                        self.resolve(file, &full, &import.scope, hops - 1)
                    }
                    None => Resolved::Foreign(path.to_vec()),
                }
            }
        }
    }

    /// The file that defines what a path from the root names.
    fn file_of(&self, path: &[String], hops: usize) -> Option<usize> {
        let length = (0..=path.len()).rev().find(|length| self.by_module.contains_key(&path[..*length]))?;
        let file = self.by_module[&path[..length]];
        let rest = &path[length..];
        let Some(name) = rest.first().filter(|_| hops > 0) else { return Some(file) };
        let names = &self.names[file];
        let through = |import: &super::names::Import, rest: &[String]| match self.resolve(
            file,
            &import.path,
            &import.scope,
            hops - 1,
        ) {
            Resolved::Own(target) => self.file_of(&[&target, rest].concat(), hops - 1),
            Resolved::Foreign(_) => Some(file),
        };
        let defined: &BTreeSet<String> = &names.items;
        if defined.contains(name) || names.modules.contains(name) {
            return Some(file);
        }
        if let Some(import) = names.imports.iter().find(|import| import.alias == *name && import.path != path)
        {
            return through(import, &rest[1..]);
        }
        let globs = names.imports.iter().filter(|import| import.alias == "*");
        let mut from_globs = globs
            .filter_map(|import| through(import, rest))
            .filter(|found| *found != file && self.names[*found].items.contains(name));
        Some(from_globs.next().unwrap_or(file))
    }
}

/// `a/b.rs` is the module `a::b`; lib.rs and main.rs are the root.
fn module_of(inside: &str) -> Vec<String> {
    let path = inside.trim_end_matches(".rs");
    if path == "lib" || path == "main" {
        return Vec::new();
    }
    path.split('/').map(str::to_owned).collect()
}

/// A crate of the given files, for the tests of the rules.
#[cfg(test)]
pub(super) fn example(files: &[(&str, &str)]) -> Crate {
    let files = files.iter().map(|(name, text)| SourceFile::new(&format!("x/src/{name}"), *text)).collect();
    Crate::of("x/src/", files)
}

#[test]
fn a_name_counts_where_it_is_defined() {
    let example = example(&[
        ("lib.rs", "pub mod a;\npub mod b;\npub mod c;\n"),
        ("a.rs", "pub struct A;\n"),
        ("b.rs", "mod inner;\npub use inner::B;\npub use super::a::A;\n"),
        ("b/inner.rs", "pub struct B;\n"),
        ("c.rs", "use crate::b::{self, A};\nfn f() { b::B::new(); std::mem::drop(A) }\n"),
    ]);
    let index = |name: &str| example.files.iter().position(|file| file.name == format!("x/src/{name}"));
    let used = |name: &str| -> Vec<&str> {
        let uses = example.uses(index(name).unwrap_or_default());
        uses.keys().map(|file| example.files[*file].name.as_str()).collect()
    };
    assert_eq!(used("c.rs"), ["x/src/a.rs", "x/src/b/inner.rs"]);
    assert_eq!(used("b.rs"), [""; 0], "what is only passed on is not used");
}

#[test]
fn relative_paths_and_imported_names_are_put_in_full() {
    let example = example(&[
        ("lib.rs", "mod a;\n"),
        (
            "a.rs",
            "mod b;\nuse common::net;\nmod m { use super::b::B; }\nfn f() { net::client::call(); b::g(); }\n",
        ),
        ("a/b.rs", "use super::super::c::D as E;\nfn f() { E::g() }\n"),
    ]);
    let all = |file: usize| -> Vec<String> {
        let named = example.named(file).into_iter();
        named
            .map(|path| match path {
                Resolved::Own(path) => format!("crate::{}", path.join("::")),
                Resolved::Foreign(path) => path.join("::"),
            })
            .collect()
    };
    assert_eq!(all(1), ["common::net", "crate::a::b::B", "common::net::client::call", "crate::a::b::g"]);
    assert_eq!(all(2), ["crate::c::D", "crate::c::D::g"]);
}
