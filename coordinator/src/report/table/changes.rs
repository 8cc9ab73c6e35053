//! What got better and worse, on a terminal. Called by `table`. Invariants: no line is wider than a terminal;
//! control characters of a suite's name are shown, not obeyed.

use common::language::Language;
use common::progress::{COLUMNS, wrapped};
use common::terminal::visible;

use crate::report::changes::{self, words as c};
use crate::report::document::Report;

/// How far an entry is indented.
const INDENT: usize = 2;

pub(super) fn changed(report: &Report, language: Language, lines: &mut Vec<String>) {
    let changes = changes::of(report, language);
    if changes.is_empty() {
        return;
    }
    lines.push(c::TITLE.get(language).to_owned());
    lines.push("-".repeat(COLUMNS));
    let mut put = |heading: &str, entries: &[String]| {
        lines.push(heading.to_owned());
        for entry in entries {
            let wrapped = wrapped(&visible(entry), COLUMNS - INDENT);
            lines.extend(wrapped.into_iter().map(|line| format!("{}{line}", " ".repeat(INDENT))));
        }
    };
    for (heading, entries) in changes.directions(language) {
        put(heading, &entries);
    }
    if !changes.missing.is_empty() {
        put(c::MISSING.get(language), &changes.missing);
    }
    let glue = if language == Language::Zh { "" } else { " " };
    lines.extend(wrapped(&changes.certainty.join(glue), COLUMNS));
    if let Some(said) = changes::divergence(report, language) {
        lines.extend(wrapped(&said, COLUMNS));
    }
    lines.push(String::new());
}
