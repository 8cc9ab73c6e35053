//! The shape of JSON documents: which keys there are, and of which types their values; and how two shapes
//! differ. Used by `json`. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What a path of keys leads to. Elements of a list are `[]`, values under names that are data are `*`.
pub(super) type Shape = BTreeMap<String, BTreeSet<String>>;
/// Shapes by the command that prints them.
pub(super) type Shapes = BTreeMap<String, Shape>;

/// The document itself.
const WHOLE: &str = "$";

/// Adds a document to a shape. `maps` are the paths of objects whose keys are names of sites, runs or kinds.
pub(super) fn add(shape: &mut Shape, document: &Value, maps: &[&str]) {
    add_at(shape, WHOLE, document, maps);
}

fn add_at(shape: &mut Shape, path: &str, value: &Value, maps: &[&str]) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    shape.entry(path.to_owned()).or_default().insert(kind.to_owned());
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_at(shape, &format!("{path}[]"), item, maps)),
        Value::Object(fields) => {
            for (key, item) in fields {
                let key = if maps.contains(&path) { "*" } else { key };
                let inner = if path == WHOLE { key.to_owned() } else { format!("{path}.{key}") };
                add_at(shape, &inner, item, maps);
            }
        }
        _ => {}
    }
}

/// The path that a path goes on from, unless it is the document.
fn parent(path: &str) -> Option<&str> {
    if path == WHOLE {
        return None;
    }
    match path.strip_suffix("[]") {
        Some(list) => Some(list),
        None => Some(path.rsplit_once('.').map_or(WHOLE, |(before, _)| before)),
    }
}

/// Whether a path that was not seen could not be: it is in an empty list, or in what was null.
fn is_out_of_sight(path: &str, seen: &Shape) -> bool {
    let Some(parent) = parent(path) else { return false };
    match seen.get(parent) {
        None => is_out_of_sight(parent, seen),
        Some(kinds) => path.ends_with("[]") || path.ends_with('*') || !kinds.contains("object"),
    }
}

/// Whether what was seen is what is written: nothing else, and something of it.
fn fits(written: &BTreeSet<String>, seen: &BTreeSet<String>) -> bool {
    seen.is_subset(written)
}

fn words(kinds: &BTreeSet<String>) -> String {
    kinds.iter().map(String::as_str).collect::<Vec<_>>().join("|")
}

/// How a shape differs from the one that is written: keys that came, went, or hold something else.
pub(super) fn differences(written: &Shape, seen: &Shape) -> Vec<String> {
    let gone = written
        .iter()
        .filter(|(path, _)| !seen.contains_key(*path) && !is_out_of_sight(path, seen))
        // Of what went with all that is in it, only the beginning.
        .filter(|(path, _)| parent(path).is_none_or(|parent| seen.contains_key(parent)))
        .map(|(path, kinds)| format!("- {path}: {}", words(kinds)));
    let other = seen.iter().filter_map(|(path, kinds)| match written.get(path) {
        None => Some(format!("+ {path}: {}", words(kinds))),
        Some(there) if fits(there, kinds) => None,
        Some(there) => Some(format!("~ {path}: {} became {}", words(there), words(kinds))),
    });
    gone.chain(other).collect()
}

/// What is written after what was seen is accepted: also what was only out of sight.
pub(super) fn accepted(written: &Shape, seen: &Shape) -> Shape {
    let mut shape = seen.clone();
    for (path, kinds) in written {
        match seen.get(path) {
            Some(now) if fits(kinds, now) => shape.insert(path.clone(), kinds.clone()),
            // Only what may be null is known from elsewhere.
            Some(now) if now.iter().all(|kind| kind == "null") => {
                shape.insert(path.clone(), kinds.union(now).cloned().collect())
            }
            None if is_out_of_sight(path, seen) => shape.insert(path.clone(), kinds.clone()),
            _ => None,
        };
    }
    shape
}

/// Reads a file of shapes.
pub(super) fn read(text: &str) -> Shapes {
    let mut shapes = Shapes::new();
    let mut command = String::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("  ").and_then(|line| line.rsplit_once(": ")) {
            None => command = line.to_owned(),
            Some((path, kinds)) => {
                let kinds = kinds.split('|').map(str::to_owned).collect();
                shapes.entry(command.clone()).or_default().insert(path.to_owned(), kinds);
            }
        }
    }
    shapes
}

/// Writes one.
pub(super) fn write(head: &str, shapes: &Shapes) -> String {
    let mut text = head.to_owned();
    for (command, shape) in shapes {
        text.push_str(&format!("\n{command}\n"));
        text.extend(shape.iter().map(|(path, kinds)| format!("  {path}: {}\n", words(kinds))));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape(document: Value) -> Shape {
        let mut shape = Shape::new();
        add(&mut shape, &document, &["sites"]);
        shape
    }

    #[test]
    fn a_key_that_comes_goes_or_changes_is_a_difference_and_what_is_empty_is_none() {
        let whole =
            json!({"run": "a", "ends": "x", "rows": [{"n": 1}], "sites": {"a": {"w": 1}, "b": {"w": 2}}});
        let mut written = shape(whole.clone());
        add(&mut written, &json!({"run": "a", "ends": null, "rows": [], "sites": {}}), &["sites"]);
        assert_eq!(written["sites.*.w"].len(), 1, "{written:?}");
        for same in [whole, json!({"run": "b", "ends": null, "rows": [], "sites": {}})] {
            assert_eq!(differences(&written, &shape(same.clone())), Vec::<String>::new());
            assert_eq!(accepted(&written, &shape(same)), written);
        }
        for (document, expected) in [
            (json!({"run": "a", "ends": "x", "rows": []}), "- sites: object"),
            (json!({"ends": "x", "rows": [], "sites": {}}), "- run: string"),
            (json!({"run": 1, "ends": "x", "rows": [], "sites": {}}), "~ run: string became number"),
            (json!({"run": null, "ends": "x", "rows": [], "sites": {}}), "~ run: string became null"),
            (json!({"run": "a", "ends": "x", "rows": [{}], "sites": {}}), "- rows[].n: number"),
            (json!({"run": "a", "ends": "x", "rows": [], "sites": {}, "so": []}), "+ so: list"),
        ] {
            let seen = shape(document);
            assert_eq!(differences(&written, &seen), [expected]);
            assert_eq!(differences(&accepted(&written, &seen), &seen), Vec::<String>::new(), "{expected}");
        }
        let shapes = Shapes::from([("coordinator runs".to_owned(), written)]);
        assert_eq!(read(&write("# words\n", &shapes)), shapes);
    }
}
