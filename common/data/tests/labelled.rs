//! What the screen finds in notes whose author had not read its rules (`labelled/`, measured once on 1
//! December 2026). Run by `cargo test`. Invariant: these are floors under what was measured then; they say
//! that nothing was lost since, not that the screen is good.

use std::path::Path;

use data::screen::quality::file;

/// Language; names found of all that are labelled; findings of names that touch a label, of all.
const MEASURED: [(&str, f64, f64); 2] = [("zh", 0.7445, 0.9552), ("en", 0.8857, 0.9089)];
/// Below what was measured by so much a rule has lost something.
const LOST: f64 = 0.005;

#[test]
fn names_of_an_author_who_has_not_read_the_rules_are_found_as_when_they_were_measured() {
    for (language, recall, precision) in MEASURED {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/labelled/{language}.jsonl"));
        let documents = file::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let (counts, _) = file::measure(&documents);
        let counts = &counts[language];
        assert_eq!(counts.documents, 220);
        let (found, right) = (&counts.recall_strict["name"], &counts.precision["person-name"]);
        assert!(found.share() > recall - LOST, "{language}: {} of {}", found.hold(), found.all());
        assert!(right.share() > precision - LOST, "{language}: {} of {}", right.hold(), right.all());
    }
}
