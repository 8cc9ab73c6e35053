//! The page's beginning: whose report it is, whether the ledger verifies, and the numbers in large. Called by
//! `html`.

use common::page::grouped;

use super::page::{Page, Verdict, outside};
use crate::language::officer as w;

pub(super) fn header(page: &Page<'_>) -> String {
    let facts = page.facts;
    let ledger = &facts.ledger;
    let lead =
        page.with(w::LEAD, &[&grouped(ledger.frames), &grouped(ledger.bytes), &grouped(ledger.update_bytes)]);
    let of_run =
        facts.run.as_ref().map_or_else(String::new, |run| format!(" {}", page.with(w::LEAD_RUN, &[run])));
    let left = facts.left.as_ref().map_or_else(String::new, |at| {
        let word = if facts.left_told { w::LEFT } else { w::LEFT_UNTOLD };
        format!("<p class=\"lead\"><strong>{}</strong></p>\n", page.with(word, &[at]))
    });
    format!(
        "<header>\n<p class=\"eyebrow\">{}</p>\n<h1>{}</h1>\n{left}<p class=\"lead\">{lead}{of_run}</p>\n\
         <p class=\"lead\"><small>{}</small></p>\n</header>\n",
        page.word(w::EYEBROW),
        page.with(w::TITLE, &[&facts.site]),
        page.with(w::WRITTEN, &[&facts.written, &facts.version]),
    )
}

/// First of all: why the rest cannot be relied upon. Nothing where it can.
pub(super) fn alarms(page: &Page<'_>) -> String {
    let locks = &page.facts.locks;
    let mut text = String::new();
    if !page.facts.ledger.verified {
        text.push_str(&alarm(&page.word(w::BAD), &doubts(page)));
    }
    if !locks.missing.is_empty() {
        text.push_str(&alarm(&page.with(w::MISSING_LOCKS, &[&locks.missing.join(", ")]), ""));
    }
    if !locks.reached.is_empty() {
        text.push_str(&alarm(&page.with(w::REACHED, &[&locks.reached.join(", ")]), ""));
    }
    if let Some(failure) = &locks.failure {
        text.push_str(&alarm(&page.with(w::UNTRIED, &[failure]), ""));
    }
    // Away from the title that follows.
    if text.is_empty() { text } else { text + "<p></p>\n" }
}

/// That the ledger verifies, and how far.
pub(super) fn verdict(page: &Page<'_>) -> String {
    let ledger = &page.facts.ledger;
    if !ledger.verified {
        return String::new();
    }
    let receipts = &ledger.receipts;
    let (verdict, text) = match (receipts.set_aside, receipts.not_compared, receipts.fit) {
        (0, 0, 0) => (Verdict::Good, page.word(w::GOOD_ALONE)),
        (0, 0, _) => (Verdict::Good, page.word(w::GOOD)),
        (0, _, _) => (Verdict::Good, page.word(w::GOOD_SOME)),
        // What was accepted though it does not fit is not called fitting, whatever else fits.
        (aside, _, _) => (Verdict::Open, page.with(w::GOOD_ASIDE, &[&grouped(aside)])),
    };
    format!("<p>{}</p>\n", page.badge(verdict, &text))
}

fn doubts(page: &Page<'_>) -> String {
    let ledger = &page.facts.ledger;
    let mut items: Vec<String> = Vec::new();
    if let Some(reason) = &ledger.broken {
        items.push(page.with(w::BAD_BROKEN, &[reason, &grouped(ledger.records)]));
    }
    items.extend(ledger.reasons.iter().map(|reason| outside(reason)));
    if ledger.coordinator_refuses {
        items.push(page.word(w::BAD_REFUSED));
    }
    items.push(page.word(w::BAD_NEXT));
    let items: String = items.iter().map(|item| format!("<li>{item}</li>\n")).collect();
    format!("<ul>\n{items}</ul>\n")
}

fn alarm(title: &str, body: &str) -> String {
    format!("<section class=\"alarm\" role=\"alert\">\n<h2>&#10007; {title}</h2>\n{body}</section>\n")
}

pub(super) fn figures(page: &Page<'_>) -> String {
    let (facts, ledger) = (page.facts, &page.facts.ledger);
    let (mut frames, mut bytes, mut updates) = (ledger.frames, ledger.bytes, ledger.update_bytes);
    let mut receipts = ledger.receipts.fit;
    if facts.run.is_some()
        && let Some(run) = facts.runs.shown.first()
    {
        (frames, bytes, updates) = (run.frames, run.bytes, run.update_bytes);
        receipts = run.receipts_fit;
    }
    let runs = facts.runs.shown.len() as u64;
    let figures: String = [
        (w::FIGURE_BYTES, grouped(bytes), format!("{} {}", page.word(w::FIGURE_UPDATES), grouped(updates))),
        (w::FIGURE_FRAMES, grouped(frames), String::new()),
        (w::FIGURE_RUNS, grouped(runs), String::new()),
        (w::FIGURE_RECEIPTS, grouped(receipts), String::new()),
    ]
    .iter()
    .map(|(name, value, note)| {
        format!("<div><dt>{}</dt><dd>{value}<small>{note}</small></dd></div>\n", page.word(*name))
    })
    .collect();
    format!("<dl class=\"figures four\">\n{figures}</dl>\n")
}
