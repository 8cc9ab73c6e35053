//! A report in a language, and how its words become HTML. Used by the parts of the page.

use std::fmt::Display;

use common::language::Language;
use common::page::escape;

use crate::report::document::Report;
use crate::report::words::Word;

/// A report in a language.
pub(super) struct Page<'a> {
    pub(super) report: &'a Report,
    pub(super) language: Language,
}

impl Page<'_> {
    /// Our own words need no escaping, but do no harm by it.
    pub(super) fn word(&self, word: Word) -> String {
        escape(word.get(self.language))
    }

    /// With values from outside.
    pub(super) fn with(&self, word: Word, values: &[&dyn Display]) -> String {
        escape(&word.with(self.language, values))
    }

    pub(super) fn section(&self, title: Word, lead: Option<Word>, body: &str) -> String {
        let lead = lead.map_or_else(String::new, |lead| format!("<p>{}</p>\n", self.word(lead)));
        format!("<section>\n<h2>{}</h2>\n{lead}{body}</section>\n", self.word(title))
    }
}
