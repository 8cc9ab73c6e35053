//! The report as one page. Called by `comparison`. Invariants: no script, no external resource, and it prints
//! on paper; every text from outside goes through [`escape`].

use common::language::{Language, Text};
use common::page::{STYLE, escape, unbroken};
use common::terminal::visible;
use evaluation::compare::{Comparison, Report, SuiteReport, Verdict};
use evaluation::safety::SafetyReport;

use super::classes;
use super::format::{difference, p_value, pair_range, verdict};
use super::safety::{examples, head as safety_head, tables};
use super::spoken;
use super::text::{asked, examples as shots, groups, notes, scores, sees, sentences, word};
use super::words as w;

/// The complete document, with what the rules of safety say where there are some.
#[must_use]
pub fn render(report: &Report, rules: Option<&SafetyReport>, language: Language) -> String {
    let safe = rules.map(|rules| safety(rules, language)).unwrap_or_default();
    let suites = report.suites.iter().map(|suite| section(suite, report, language)).collect::<String>();
    let title = w::PAGE.get(language);
    let lead = summary(report, language);
    let foot = format!(
        "<section><p>{}</p><p>{}</p></section>\n",
        escape(&w::METHOD.with(language, &[&report.seed])),
        escape(w::LIMITS.get(language))
    );
    let body = unbroken(&format!("<header><h1>{title}</h1></header>\n{lead}{safe}{suites}{foot}"));
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        language.code(),
    )
}

fn summary(report: &Report, language: Language) -> String {
    let pairs: Vec<(&SuiteReport, &Comparison)> = report
        .suites
        .iter()
        .flat_map(|suite| suite.comparisons.iter().map(move |pair| (suite, pair)))
        .collect();
    if pairs.is_empty() {
        return format!("<section><p>{}</p></section>\n", escape(w::ONLY_BASE.get(language)));
    }
    let rows = pairs.iter().map(|(suite, pair)| {
        let class = match pair.verdict {
            Verdict::Better => " good",
            Verdict::Worse => " bad",
            Verdict::NotWorse | Verdict::NotShown => "",
        };
        let known = |cell: String| if pair.compared == 0 { String::new() } else { cell };
        let cells = [
            escape(&visible(&suite.name)),
            escape(&visible(&pair.name)),
            difference(pair),
            pair_range(pair, language),
            known(pair.better.to_string()),
            known(pair.worse.to_string()),
            pair.compared.to_string(),
            escape(&known(p_value(pair.corrected_p))),
            format!("<span class=\"verdict{class}\">{}</span>", escape(&verdict(pair, language))),
        ];
        row("td", &cells)
    });
    let words = [w::SUITE, w::MODEL, w::DIFFERENCE, w::INTERVAL, w::BETTER_COUNT, w::WORSE_COUNT, w::OF];
    let head = head(&words, &["p".to_owned(), w::SHOWN.get(language).to_owned()], language);
    let table = rows.collect::<String>();
    format!("<section><h2>{}</h2>{}</section>\n", w::SUMMARY.get(language), scroll(&(head + &table)))
}

/// The rules of safety, under their own heading.
fn safety(report: &SafetyReport, language: Language) -> String {
    let suites = report.suites.iter().map(|suite| {
        let tables = tables(suite, language);
        let tables = tables.iter().map(|(title, rows)| format!("<p>{}</p>{}", escape(title), cells(rows)));
        let tables = tables.collect::<String>();
        let quoted = paragraphs(examples(suite, language));
        format!("<h3>{}</h3>{tables}{quoted}", escape(&visible(&suite.name)))
    });
    let suites = suites.collect::<String>();
    let title = w::SAFETY_TITLE.get(language);
    format!("<section><h2>{title}</h2>{}{suites}</section>\n", paragraphs(safety_head(report, language)))
}

fn section(suite: &SuiteReport, report: &Report, language: Language) -> String {
    let chat = asked(suite, language);
    let items = w::ITEMS
        .with(language, &[&suite.items, &suite.cases, &word(&suite.prompt), &word(&suite.score), &chat]);
    let licence = suite.licence.as_deref().unwrap_or_else(|| w::NO_LICENCE.get(language));
    let records =
        w::RECORDS.with(language, &[&visible(&suite.records), &suite.records_sha256, &visible(licence)]);
    let more =
        suite.arms.iter().flat_map(|arm| notes(arm, suite.score, language)).chain(sees(suite, language));
    let pairs = suite.comparisons.iter().map(|pair| {
        let sentences = paragraphs(sentences(pair, report.comparisons, language));
        let kinds = if pair.groups.is_empty() {
            String::new()
        } else {
            format!(
                "<p>{}</p>{}",
                escape(w::GROUPS.get(language)),
                cells(&groups(pair, usize::MAX, usize::MAX, language))
            )
        };
        format!("{sentences}{kinds}")
    });
    let graded = paragraphs(spoken::grading(suite, language));
    let mut tables = spoken::tables(suite, language);
    tables.extend(classes::table(suite, usize::MAX, language).map(|rows| (w::CLASSES.get(language), rows)));
    let tables = tables.iter().map(|(title, rows)| format!("<p>{}</p>{}", escape(title), cells(rows)));
    format!(
        "<section><h2>{}</h2>{}{graded}{}{}{}{}</section>\n",
        escape(&visible(&suite.name)),
        paragraphs([items, records].into_iter().chain(shots(suite, usize::MAX, language))),
        cells(&scores(suite, language)),
        tables.collect::<String>(),
        paragraphs(more),
        pairs.collect::<String>()
    )
}

fn paragraphs(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().map(|text| format!("<p>{}</p>", escape(&text))).collect()
}

/// A table whose first row is its head.
fn cells(rows: &[Vec<String>]) -> String {
    let rows = rows.iter().enumerate().map(|(index, cells)| {
        let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
        row(if index == 0 { "th" } else { "td" }, &cells)
    });
    scroll(&rows.collect::<String>())
}

fn head(words: &[Text], more: &[String], language: Language) -> String {
    let words = words.iter().map(|word| word.get(language).to_owned()).chain(more.iter().cloned());
    row("th", &words.map(|word| escape(&word)).collect::<Vec<_>>())
}

fn row(tag: &str, cells: &[String]) -> String {
    let cells = cells.iter().map(|cell| format!("<{tag}>{cell}</{tag}>")).collect::<String>();
    format!("<tr>{cells}</tr>\n")
}

fn scroll(rows: &str) -> String {
    format!("<div class=\"scroll\"><table>{rows}</table></div>")
}
