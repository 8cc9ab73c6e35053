//! The page's head: what came out, on how many questions, how sure, and in plain words. Called by `html`.
//! The sentences themselves are also the table's (`table`).

use std::fmt::Write as _;

use common::language::Language;
use common::page::escape;

use super::page::Page;
use crate::report::document::Report;
use crate::report::{format, words as w};

pub(super) fn header(page: &Page<'_>) -> String {
    let sentences: Vec<String> = super::super::sentences(page.report, page.language)
        .iter()
        .enumerate()
        .map(|(index, sentence)| {
            let sentence = escape(sentence);
            // The second sentence is the result.
            if index == 1 { format!("<strong>{sentence}</strong>") } else { sentence }
        })
        .collect();
    format!(
        "<header>\n<p class=\"eyebrow\">Consilium &middot; {}</p>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n</header>\n",
        page.word(w::PAGE),
        escape(&page.report.run.name),
        // Chinese sentences have their space in the full stop.
        sentences.join(if page.language == Language::Zh { "" } else { " " }),
    )
}

pub(super) fn figures(page: &Page<'_>) -> String {
    let report = page.report;
    if report.run.alone {
        return String::new();
    }
    let figure = |title: w::Word, value: Option<String>, note: String| {
        let value = value.unwrap_or_else(|| "&ndash;".to_owned());
        format!("<div><dt>{}</dt><dd>{value}<small>{note}</small></dd></div>\n", page.word(title))
    };
    let not_measured = || page.word(w::NOT_MEASURED);
    let test = &report.test;
    let interval = match test.change_interval {
        Some([low, high]) => {
            page.with(w::TILE_INTERVAL, &[&format::signed_percent(low), &format::signed_percent(high)])
        }
        None if test.change.is_some() => page.word(w::TILE_NO_INTERVAL),
        None => not_measured(),
    };
    let tokens = test
        .supervised_tokens
        .map_or_else(not_measured, |tokens| page.with(w::TILE_TOKENS, &[&format::grouped(tokens)]));
    let base = report
        .base
        .test_token_accuracy
        .map_or_else(not_measured, |accuracy| page.with(w::TILE_BASE, &[&format::percent(accuracy)]));
    let accuracy = report.last.test_token_accuracy.map(format::percent);
    [
        "<dl class=\"figures four\">\n".to_owned(),
        figure(w::TILE_CHANGE, test.change.map(format::signed_percent), interval),
        figure(w::TILE_QUESTIONS, test.questions.map(format::grouped), tokens),
        figure(w::TILE_ACCURACY, accuracy, base),
        figure(w::TILE_SITES, Some(report.sites.len().to_string()), records(page)),
        "</dl>\n".to_owned(),
    ]
    .concat()
}

fn records(page: &Page<'_>) -> String {
    let Report { sites, .. } = page.report;
    let records: u64 = sites.iter().filter_map(|site| site.records).fold(0, u64::saturating_add);
    let exact = !sites.is_empty() && sites.iter().all(|site| site.records_are_exact);
    let word = if exact { w::TILE_RECORDS_EXACT } else { w::TILE_RECORDS };
    page.with(word, &[&format::grouped(records)])
}

pub(super) fn meaning(page: &Page<'_>) -> String {
    let mut items = String::new();
    for word in [w::MEANING_LOSS, w::MEANING_PERPLEXITY, w::MEANING_ACCURACY] {
        let _ = writeln!(items, "<li>{}</li>", page.word(word));
    }
    if let Some(paired) = &page.report.test.paired {
        let (better, all) = (format::grouped(paired.better), format::grouped(paired.records));
        let _ = writeln!(items, "<li>{}</li>", page.with(w::MEANING_PAIRED, &[&better, &all]));
    }
    page.section(w::MEANING, None, &format!("<ul>\n{items}</ul>\n"))
}
