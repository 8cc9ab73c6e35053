//! Facts in a language, and how words, rows and tables become HTML. Used by the parts of the page. Invariant:
//! what comes from outside is escaped, and no character of it turns the direction of writing.

use std::fmt::{Display, Write as _};

use common::page::{escape, grouped};
use common::terminal::visible;

use crate::cli::ledger::report::facts::{Facts, Note, OfKind};
use crate::language::Language;
use crate::language::frames;
use crate::language::officer::{self as w, Word};

/// Facts in a language.
pub(super) struct Page<'a> {
    pub(super) facts: &'a Facts,
    pub(super) language: Language,
}

/// A text that somebody else may have chosen.
pub(super) fn outside(text: &str) -> String {
    escape(&visible(text))
}

/// A digest or an identifier.
pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", outside(text))
}

/// A short identifier, which no line breaks.
pub(super) fn name(text: &str) -> String {
    unbroken(&code(text))
}

/// HTML that no line breaks.
pub(super) fn unbroken(html: &str) -> String {
    format!("<span class=\"name\">{html}</span>")
}

/// One thing, and a word on it below.
pub(super) fn above(html: &str, note: &str) -> String {
    format!("{html}<br><small>{note}</small>")
}

/// How something is judged; never by colour alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Bad,
    Open,
}

impl Page<'_> {
    /// What stands between two backticks is a command.
    pub(super) fn word(&self, word: Word) -> String {
        let text = escape(word.get(self.language));
        let piece = |(index, piece): (usize, &str)| match index % 2 {
            0 => piece.to_owned(),
            _ => format!("<code>{piece}</code>"),
        };
        text.split('`').enumerate().map(piece).collect()
    }

    /// With values, which are escaped here.
    pub(super) fn with(&self, word: Word, values: &[&dyn Display]) -> String {
        outside(&word.with(self.language, values))
    }

    pub(super) fn badge(&self, verdict: Verdict, text: &str) -> String {
        let (class, sign) = match verdict {
            Verdict::Good => ("good", "&#10003; "),
            Verdict::Bad => ("bad", "&#10007; "),
            Verdict::Open => ("open", ""),
        };
        format!("<span class=\"verdict {class}\">{sign}{text}</span>")
    }

    pub(super) fn section(&self, title: &str, lead: &str, body: &str) -> String {
        let lead = if lead.is_empty() { String::new() } else { format!("<p>{lead}</p>\n") };
        format!("<section>\n<h2>{title}</h2>\n{lead}{body}</section>\n")
    }

    /// Names and values; the values are HTML already.
    pub(super) fn pairs(&self, pairs: &[(Word, String)]) -> String {
        let mut text = "<dl class=\"facts\">\n".to_owned();
        for (name, value) in pairs {
            let _ = writeln!(text, "<dt>{}</dt><dd>{value}</dd>", self.word(*name));
        }
        text + "</dl>\n"
    }

    /// A table whose first `left` columns are text. Cells are HTML already.
    pub(super) fn table(
        &self,
        caption: Word,
        head: &[Word],
        left: usize,
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> String {
        let class = |column: usize| if column < left { " class=\"left wrap\"" } else { "" };
        let mut text =
            format!("<div class=\"scroll\"><table>\n<caption>{}</caption>\n<thead><tr>", self.word(caption));
        for (column, word) in head.iter().enumerate() {
            let _ = write!(text, "<th scope=\"col\"{}>{}</th>", class(column), self.word(*word));
        }
        text.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            text.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let _ = write!(text, "<td{}>{cell}</td>", class(column));
            }
            text.push_str("</tr>\n");
        }
        text + "</tbody>\n</table></div>\n"
    }

    /// How many rows a list leaves out; nothing if none.
    pub(super) fn left_out(&self, count: usize) -> String {
        self.paragraph_if(count > 0, || self.with(w::LEFT_OUT_ROWS, &[&count]))
    }

    pub(super) fn paragraph_if(&self, is_said: bool, text: impl FnOnce() -> String) -> String {
        if is_said { format!("<p>{}</p>\n", text()) } else { String::new() }
    }

    /// Kind with its meaning, frames and bytes.
    pub(super) fn of_kind(&self, one: &OfKind) -> Vec<String> {
        let meaning = frames::named(one.kind)
            .map_or_else(String::new, |kind| escape(frames::meaning(kind).get(self.language)));
        vec![above(&name(one.kind), &meaning), grouped(one.frames), grouped(one.bytes)]
    }

    /// Notes of the ledger, the digest of each as `shown` has it.
    pub(super) fn notes(&self, caption: Word, notes: &[Note], shown: impl Fn(&Note) -> String) -> String {
        let row = |note: &Note| vec![grouped(note.sequence), outside(&note.at), shown(note)];
        self.table(caption, &[w::RECORD, w::AT, w::SHA], 3, notes.iter().map(row))
    }
}
