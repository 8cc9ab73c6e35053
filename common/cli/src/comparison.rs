//! The report of an evaluation for people: a text for an 80-column terminal and one page, in Chinese or
//! English. Called by the commands that evaluate. What got better, what got worse and how sure that is stands
//! first; then every suite with all its figures.
//!
//! Invariants: everything comes from one `Report`, so text, page and JSON cannot disagree; a text from outside
//! (names of suites, groups and adapters) is shown without control characters, and escaped in the page.

mod html;
mod text;
mod words;

#[cfg(test)]
mod tests;

use common::language::Language;
use evaluation::compare::{Comparison, Share, Verdict};

pub use self::html::render as page;
pub use self::text::render as terminal;

use self::words as w;

/// `12.3 %`.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// `12.3 to 45.6`, in percent.
fn range(low: f64, high: f64, language: Language) -> String {
    w::RANGE.with(language, &[&format!("{:.1}", 100.0 * low), &format!("{:.1}", 100.0 * high)])
}

fn interval(share: &Share, language: Language) -> String {
    range(share.low, share.high, language)
}

/// `+4.5`, in points.
fn points(difference: f64) -> String {
    // Not `-0.0`.
    format!("{:+.1}", 100.0 * difference + 0.0)
}

/// Three digits, or that it is smaller.
fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

fn verdict(comparison: &Comparison, language: Language) -> String {
    let margin = format!("{:.1}", 100.0 * comparison.margin);
    match comparison.verdict {
        Verdict::Better => w::BETTER.get(language).to_owned(),
        Verdict::Worse => w::WORSE.get(language).to_owned(),
        Verdict::NotWorse => w::NOT_WORSE.with(language, &[&margin]),
        Verdict::NotShown => w::NOT_SHOWN.get(language).to_owned(),
    }
}

/// What the items that became wrong prove.
fn became_wrong(comparison: &Comparison, language: Language) -> String {
    let lost = &comparison.became_wrong;
    match comparison.became_wrong_below {
        Some(bound) => w::NONE_BECAME_WRONG.with(language, &[&lost.of, &percent(bound)]),
        None => w::BECAME_WRONG
            .with(language, &[&lost.count, &lost.of, &percent(lost.share), &interval(lost, language)]),
    }
}

/// Without control characters, and in as many columns as a table has for it.
fn name(text: &str) -> String {
    let visible: String = text.chars().filter(|character| !character.is_control()).collect();
    common::progress::cut(&visible, NAME_COLUMNS)
}

/// Columns of a name in a table.
const NAME_COLUMNS: usize = 24;
