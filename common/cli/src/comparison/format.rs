//! Numbers and verdicts as people read them. Used by `text` and `html`, so that both say the same. Invariant:
//! what comes from outside leaves here without control characters.

use common::language::Language;
use common::terminal::visible;
use evaluation::compare::{Comparison, Share, Verdict};

use super::words as w;

/// `12.3 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// `12.3 to 45.6`, in percent.
pub(super) fn range(low: f64, high: f64, language: Language) -> String {
    w::RANGE.with(language, &[&format!("{:.1}", 100.0 * low), &format!("{:.1}", 100.0 * high)])
}

pub(super) fn interval(share: &Share, language: Language) -> String {
    range(share.low, share.high, language)
}

/// `+4.5`, in points.
pub(super) fn points(difference: f64) -> String {
    // Not `-0.0`.
    format!("{:+.1}", 100.0 * difference + 0.0)
}

/// Three digits, or that it is smaller.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

pub(super) fn verdict(comparison: &Comparison, language: Language) -> String {
    let margin = format!("{:.1}", 100.0 * comparison.margin);
    match comparison.verdict {
        Verdict::Better => w::BETTER.get(language).to_owned(),
        Verdict::Worse => w::WORSE.get(language).to_owned(),
        Verdict::NotWorse => w::NOT_WORSE.with(language, &[&margin]),
        Verdict::NotShown => w::NOT_SHOWN.get(language).to_owned(),
    }
}

/// What the items that became wrong prove.
pub(super) fn became_wrong(comparison: &Comparison, language: Language) -> String {
    let lost = &comparison.became_wrong;
    let (none, some) = if comparison.by_case {
        (w::NONE_BECAME_WRONG_CASES, w::BECAME_WRONG_CASES)
    } else {
        (w::NONE_BECAME_WRONG, w::BECAME_WRONG)
    };
    match comparison.became_wrong_below {
        Some(bound) => none.with(language, &[&lost.of, &percent(bound)]),
        None => {
            some.with(language, &[&lost.count, &lost.of, &percent(lost.share), &interval(lost, language)])
        }
    }
}

/// The same in as many columns as a table has for it.
pub(super) fn name(text: &str) -> String {
    common::progress::cut(&visible(text), NAME_COLUMNS)
}

/// Columns of a name in a table.
const NAME_COLUMNS: usize = 18;
