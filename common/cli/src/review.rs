//! What people's grades say, for people: a text for an 80-column terminal and one page, in Chinese or
//! English. Called by `coordinator review report`. The verdict and its gates stand first, then points, harms,
//! agreement and graders.
//!
//! Invariants: text and page come from the same sections, so they cannot disagree; what comes from outside
//! (names, comments) is shown without control characters, and escaped in the page.

mod points;
mod sections;
mod words;

#[cfg(test)]
mod tests;

pub use self::points::points;

use common::language::Language;
use common::page::{STYLE, escape, unbroken};
use evaluation::review::report::Report;

use self::sections::{Section, sections};
use self::words as w;
use crate::layout::{paragraph, table};

/// The report as a text.
#[must_use]
pub fn terminal(report: &Report, language: Language) -> String {
    let text = |section: &Section| {
        let sentences = |all: &[String]| all.iter().map(|one| paragraph(one, "  ")).collect::<String>();
        format!(
            "{}\n{}{}{}",
            section.title,
            sentences(&section.before),
            table(&section.rows, section.left),
            sentences(&section.after)
        )
    };
    sections(report, language).iter().map(text).collect::<Vec<_>>().join("\n")
}

/// The same as one page, without a script or anything from outside.
#[must_use]
pub fn page(report: &Report, language: Language) -> String {
    let title = w::PAGE.get(language);
    let sections = sections(report, language).iter().map(section).collect::<String>();
    let body = unbroken(&format!("<header><h1>{title}</h1></header>\n{sections}"));
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        language.code(),
    )
}

fn section(section: &Section) -> String {
    let paragraphs =
        |all: &[String]| all.iter().map(|one| format!("<p>{}</p>", escape(one))).collect::<String>();
    let rows = section.rows.iter().enumerate().map(|(number, row)| {
        let tag = if number == 0 { "th" } else { "td" };
        let cells = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect::<String>();
        format!("<tr>{cells}</tr>\n")
    });
    let rows = rows.collect::<String>();
    let table = if rows.is_empty() {
        String::new()
    } else {
        format!("<div class=\"scroll\"><table>{rows}</table></div>")
    };
    format!(
        "<section><h2>{}</h2>{}{table}{}</section>\n",
        escape(&section.title),
        paragraphs(&section.before),
        paragraphs(&section.after)
    )
}
