//! `data-report.html`: the dataset for the people who answer for it, in one file without any external
//! resource.
//!
//! Called by `site-agent data check`. Like every page of ours it has no script and no web font, prints on
//! paper, and follows the reader's light or dark setting. Every text from outside (file names, departments)
//! goes through [`escape`].

use std::fmt::Write as _;

use common::page::{STYLE, escape, grouped, unbroken};

use super::summary::{Distribution, Summary, certainty, screen_language};
use crate::language::Language;
use crate::language::text::{self as t, Word};

/// Places shown for a kind of identifier; `--places` and `--json` have the others.
const PLACES_SHOWN: usize = 50;

/// The complete document.
#[must_use]
pub fn render(summary: &Summary, language: Language) -> String {
    let page = Page { summary, language };
    let body = [
        page.header(),
        page.figures(),
        page.files(),
        page.unused(),
        page.refused(),
        page.screen(),
        page.charts(),
        page.strata(),
        page.provenance(),
        page.advice(),
        page.duplicates(),
        page.split(),
        page.foot(),
    ]
    .concat();
    let body = unbroken(&body);
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        language.code(),
        page.word(t::PAGE_TITLE),
    )
}

struct Page<'a> {
    summary: &'a Summary,
    language: Language,
}

impl Page<'_> {
    fn word(&self, word: Word) -> &'static str {
        word.get(self.language)
    }

    fn header(&self) -> String {
        let counts = &self.summary.counts;
        let (used, read) = (grouped(counts.used), grouped(counts.read));
        let used = format!("<strong>{used}</strong>");
        format!(
            "<header>\n<p class=\"eyebrow\">{}</p>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n</header>\n",
            self.word(t::PAGE_EYEBROW),
            self.word(t::PAGE_TITLE),
            t::PAGE_LEAD.with(self.language, &[&used, &read])
        )
    }

    fn figures(&self) -> String {
        let counts = &self.summary.counts;
        let mut text = "<dl class=\"figures\">\n".to_owned();
        for (word, count, note) in [
            (t::USED, counts.used, t::USED_NOTE),
            (t::WARN, counts.warn, t::WARN_NOTE),
            (t::BLOCK, counts.block, t::BLOCK_NOTE),
            (t::REFUSE, counts.refuse, t::REFUSE_NOTE),
            (t::DUPLICATE, counts.duplicate, t::DUPLICATE_NOTE),
            (t::HELD_BACK, counts.held_back, t::HELD_BACK_NOTE),
        ] {
            let _ = writeln!(
                text,
                "<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>",
                self.word(word),
                grouped(count),
                self.word(note)
            );
        }
        text + "</dl>\n"
    }

    fn files(&self) -> String {
        let rows = self.summary.files.iter().map(|file| {
            vec![
                escape(&file.path.display().to_string()),
                escape(&file.formats),
                escape(&file.encoding),
                grouped(file.records),
                grouped(file.refused),
            ]
        });
        let table = self.table(&[t::FILE, t::FORMAT, t::ENCODING, t::RECORDS, t::REFUSED], 3, rows);
        section(self.word(t::FILE), "", &table)
    }

    fn unused(&self) -> String {
        let mut body = String::new();
        if !self.summary.unused.is_empty() {
            let rows = self.summary.unused.iter().map(|(name, count)| vec![escape(name), grouped(*count)]);
            body = self.table(&[t::FIELD, t::RECORDS], 1, rows);
        }
        for note in &self.summary.notes {
            let _ = writeln!(body, "<p>{}</p>", escape(note));
        }
        if body.is_empty() { body } else { section(self.word(t::UNUSED_TITLE), "", &body) }
    }

    fn refused(&self) -> String {
        if self.summary.refused.is_empty() {
            return String::new();
        }
        let rows = self
            .summary
            .refused
            .iter()
            .map(|row| vec![escape(&row.reason), escape(&row.places.join(", ")), grouped(row.count)]);
        section(self.word(t::REFUSED_TITLE), "", &self.table(&[t::REASON, t::PLACE, t::COUNT], 2, rows))
    }

    fn screen(&self) -> String {
        let found = if self.summary.findings.is_empty() {
            format!("<p>{}</p>\n", self.word(t::SCREEN_NOTHING))
        } else {
            let rows = self.summary.findings.iter().map(|row| {
                let more = row.records.saturating_sub(row.places.len().min(PLACES_SHOWN) as u64);
                let mut places: Vec<String> = row.places.iter().take(PLACES_SHOWN).cloned().collect();
                if more > 0 {
                    places.push(format!("+ {}", grouped(more)));
                }
                vec![
                    format!("<code>{}</code><br>{}", escape(&row.kind), escape(&row.title)),
                    escape(&places.join(", ")),
                    certainty(row.validated, self.language).to_owned(),
                    grouped(row.findings),
                    grouped(row.records),
                ]
            });
            self.table(&[t::KIND, t::PLACE, t::CERTAINTY, t::FINDINGS, t::RECORDS], 3, rows)
        };
        section(
            self.word(t::SCREEN_TITLE),
            self.word(t::SCREEN_LEAD),
            &format!("{found}{}", self.self_test()),
        )
    }

    fn self_test(&self) -> String {
        let test = &self.summary.self_test;
        let class = if test.passed() { "good" } else { "bad" };
        let sentence = escape(&test.sentence(screen_language(self.language)));
        format!("<p><span class=\"verdict {class}\">{sentence}</span></p>\n")
    }

    fn charts(&self) -> String {
        let lengths = if self.summary.lengths_in_tokens { t::LENGTH_TOKENS } else { t::LENGTH_CHARACTERS };
        let figures = [(lengths, &self.summary.lengths), (t::TURNS, &self.summary.turns)]
            .map(|(word, values)| self.figure(word, values))
            .concat();
        section(self.word(t::SHAPE_TITLE), "", &format!("<div class=\"charts\">\n{figures}</div>\n"))
    }

    fn figure(&self, word: Word, values: &Distribution) -> String {
        let [least, median, high, most] = values.quantiles.map(grouped);
        let total = grouped(values.total);
        format!(
            "<figure><figcaption>{}<small>{}</small></figcaption>\n{}</figure>\n",
            self.word(word),
            t::QUANTILES.with(self.language, &[&least, &median, &high, &most, &total]),
            values.histogram.svg(self.word(word))
        )
    }

    fn strata(&self) -> String {
        const SHOWN: usize = 30;
        if self.summary.strata.is_empty() {
            return String::new();
        }
        let rows =
            self.summary.strata.iter().take(SHOWN).map(|(name, count)| vec![escape(name), grouped(*count)]);
        section(self.word(t::STRATA), "", &self.table(&[t::STRATUM, t::RECORDS], 1, rows))
    }

    fn provenance(&self) -> String {
        if self.summary.provenance.is_empty() {
            return String::new();
        }
        let rows = self.summary.provenance.iter().map(|(word, count)| vec![escape(word), grouped(*count)]);
        section(self.word(t::ORIGIN_TITLE), "", &self.table(&[t::FIELD, t::RECORDS], 1, rows))
    }

    fn advice(&self) -> String {
        if self.summary.advice.is_empty() {
            return String::new();
        }
        let rows = self.summary.advice.iter().map(|row| {
            let mark = if row.is_met { "+" } else { "!" };
            vec![mark.to_owned(), escape(&row.measured), escape(&row.wanted), escape(&row.next)]
        });
        let head = [t::ADVICE_MARK, t::ADVICE_HEAD_MEASURED, t::ADVICE_HEAD_WANTED, t::ADVICE_HEAD_NEXT];
        section(self.word(t::ADVICE_HEADING), self.word(t::ADVICE_LEAD), &self.table(&head, 4, rows))
    }

    fn duplicates(&self) -> String {
        if self.summary.duplicates.is_empty() {
            return section(self.word(t::DUPLICATES_TITLE), self.word(t::DUPLICATES_NONE), "");
        }
        let mut body = String::new();
        for row in &self.summary.duplicates {
            let _ = writeln!(body, "<p>{}: {}</p>", escape(&row.sort), grouped(row.count));
            let rows = row.places.iter().map(|(place, kept)| vec![escape(place), escape(kept)]);
            body.push_str(&self.table(&[t::PLACE, t::DUPLICATE_OF], 2, rows));
        }
        section(self.word(t::DUPLICATES_TITLE), "", &body)
    }

    fn split(&self) -> String {
        let split = &self.summary.split;
        let rows = split.sizes.iter().map(|(part, count)| vec![escape(part), grouped(*count)]);
        let mut body = self.table(&[t::PART, t::RECORDS], 1, rows);
        for note in &split.notes {
            let _ = writeln!(body, "<p>{}</p>", escape(note));
        }
        let lead = format!("{} ({} {})", escape(&split.scheme), self.word(t::SEED), split.seed);
        section(self.word(t::SPLIT_TITLE), &lead, &body)
    }

    fn foot(&self) -> String {
        section(
            self.word(t::DATASET_ROOT),
            self.word(t::PAGE_FOOT),
            &format!("<pre><code>{}</code></pre>\n", escape(&self.summary.root)),
        )
    }

    /// A table whose first `left` columns are text. Cells are HTML already.
    fn table(&self, head: &[Word], left: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
        let class = |column: usize| if column < left { " class=\"left wrap\"" } else { "" };
        let mut text = "<div class=\"scroll\"><table>\n<tr>".to_owned();
        for (column, word) in head.iter().enumerate() {
            let _ = write!(text, "<th{}>{}</th>", class(column), self.word(*word));
        }
        text.push_str("</tr>\n");
        for row in rows {
            text.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let _ = write!(text, "<td{}>{cell}</td>", class(column));
            }
            text.push_str("</tr>\n");
        }
        text + "</table></div>\n"
    }
}

fn section(title: &str, lead: &str, body: &str) -> String {
    let lead = if lead.is_empty() { String::new() } else { format!("<p>{lead}</p>\n") };
    format!("<section>\n<h2>{title}</h2>\n{lead}{body}</section>\n")
}
