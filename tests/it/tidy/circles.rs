//! No file needs itself by way of others: the files of each crate have an order. Run by `cargo test`.

use std::collections::BTreeMap;

use super::modules::{Crate, crates};
use super::nobody;
use super::source::rust_files;

/// Circles that stay, each by one of its files, with the reason.
const ALLOWED: [(&str, &str); 0] = [];

#[test]
fn imports_have_no_circles() {
    let files = rust_files();
    let mut found = Vec::new();
    for one in crates(&files) {
        for circle in circles(&one) {
            let is_allowed =
                ALLOWED.iter().any(|(name, _)| circle.iter().any(|file| one.files[*file].name == *name));
            if !is_allowed {
                found.push(describe(&one, &circle));
            }
        }
    }
    nobody("files that need each other want what they share in a file below both", found);
}

#[test]
fn allowed_circles_name_files_that_exist() {
    let files = rust_files();
    let gone = ALLOWED.iter().filter(|(name, _)| !files.iter().any(|file| file.name == *name));
    nobody("an allowed circle exists", gone.map(|(name, why)| format!("{name}: {why}")).collect());
}

/// The files of a circle, and what each takes from another of them.
fn describe(one: &Crate, circle: &[usize]) -> String {
    let mut lines = vec![format!("{} files:", circle.len())];
    for file in circle {
        for (target, name) in one.uses(*file) {
            if circle.contains(&target) {
                let (from, to) = (&one.files[*file].name, &one.files[target].name);
                lines.push(format!("    {from} takes {name} from {to}"));
            }
        }
    }
    lines.join("\n")
}

/// Strongly connected sets of more than one file (Tarjan 1972).
fn circles(one: &Crate) -> Vec<Vec<usize>> {
    let edges: Vec<Vec<usize>> =
        (0..one.files.len()).map(|file| one.uses(file).into_keys().collect()).collect();
    let mut search = Search {
        edges: &edges,
        order: BTreeMap::new(),
        low: BTreeMap::new(),
        path: Vec::new(),
        found: Vec::new(),
    };
    for file in 0..edges.len() {
        if !search.order.contains_key(&file) {
            search.visit(file);
        }
    }
    search.found
}

struct Search<'a> {
    edges: &'a [Vec<usize>],
    /// When a file was first seen.
    order: BTreeMap<usize, usize>,
    /// The earliest file that it leads back to.
    low: BTreeMap<usize, usize>,
    /// Files whose set is not complete yet.
    path: Vec<usize>,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    /// As deep as the longest chain of files, some hundreds at most.
    fn visit(&mut self, file: usize) {
        let number = self.order.len();
        self.order.insert(file, number);
        self.path.push(file);
        let mut low = number;
        for &next in &self.edges[file] {
            if !self.order.contains_key(&next) {
                self.visit(next);
                low = low.min(self.low[&next]);
            } else if self.path.contains(&next) {
                low = low.min(self.order[&next]);
            }
        }
        self.low.insert(file, low);
        if low == number {
            let start = self.path.iter().position(|other| *other == file).unwrap_or_default();
            let mut set = self.path.split_off(start);
            set.sort_unstable();
            if set.len() > 1 {
                self.found.push(set);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::modules::example;
    use super::circles;

    #[test]
    fn a_parent_that_uses_its_child_and_a_child_its_parent_are_a_circle() {
        let bad = [
            ("lib.rs", "mod a;\n"),
            ("a.rs", "mod b;\npub struct A(b::B);\n"),
            ("a/b.rs", "use super::A;\npub struct B(Box<A>);\n"),
        ];
        assert_eq!(circles(&example(&bad)), [[1, 2]]);
        let only_passed_on = [bad[0], ("a.rs", "mod b;\npub use b::B;\npub struct A;\n"), bad[2]];
        assert!(circles(&example(&only_passed_on)).is_empty());
        let passed_on_and_used = [bad[0], ("a.rs", "mod b;\npub use b::B;\npub struct A(B);\n"), bad[2]];
        assert_eq!(circles(&example(&passed_on_and_used)).len(), 1);
        let below_both = [
            bad[0],
            ("a.rs", "mod b;\nmod c;\npub struct D(b::B);\npub use c::A;\n"),
            ("a/b.rs", "use super::A;\npub struct B(A);\n"),
            ("a/c.rs", "pub struct A;\n"),
        ];
        assert!(circles(&example(&below_both)).is_empty());
    }

    #[test]
    fn a_circle_over_three_files_is_one_set_and_tests_are_not_in_it() {
        let bad = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("a.rs", "fn f() { crate::b::f() }\n"),
            ("b.rs", "use crate::c::f as g;\npub fn f() { g() }\n"),
            ("c.rs", "use crate::a;\npub fn f() { a::f() }\n"),
        ];
        assert_eq!(circles(&example(&bad)), [[1, 2, 3]]);
        let in_tests = [
            bad[0],
            bad[1],
            bad[2],
            (
                "c.rs",
                "pub fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::a;\n    fn t() { a::f() }\n}\n",
            ),
        ];
        assert!(circles(&example(&in_tests)).is_empty());
    }
}
