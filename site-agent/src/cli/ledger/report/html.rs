//! The officer's report as one page without any external resource, for screen and paper. Called by `report`.
//!
//! Reads [`Facts`] and nothing else. It must still open from an archive in ten years: no script, no font, and
//! a policy in its head that forbids the browser to load anything. Every text goes through [`page::outside`]
//! or [`page::Page::word`]. To add a section: its facts in `facts`, a file here, a line in [`SECTIONS`].
//! Invariant: a ledger that does not verify is what the page says first.

mod books;
mod lead;
mod limits;
mod page;
mod parties;
mod replays;
mod runs;
mod site;

use common::page::{STYLE, unbroken};

use self::page::{Page, outside};
use super::facts::Facts;
use crate::language::Language;
use crate::language::officer as w;

/// In the order of the page.
const SECTIONS: [fn(&Page<'_>) -> String; 14] = [
    lead::alarms,
    lead::header,
    lead::verdict,
    lead::figures,
    parties::recipient,
    runs::all,
    runs::beside,
    site::policy,
    site::waiver,
    site::locks,
    books::ledger,
    replays::replays,
    limits::limits,
    limits::check_it_yourself,
];

/// The complete document.
pub(super) fn render(facts: &Facts, language: Language) -> String {
    let page = Page { facts, language };
    let body: String = SECTIONS.iter().map(|section| section(&page)).collect();
    let body = unbroken(&body);
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        language.code(),
        outside(&facts.site),
        page.word(w::PAGE),
    )
}

#[cfg(test)]
mod tests;
