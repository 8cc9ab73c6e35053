//! Numbers and verdicts as people read them. Used by `text` and `html`, and by the coordinator's report of a
//! run, so that all say the same. Invariant: what comes from outside leaves here without control characters.

use common::language::Language;
use common::terminal::visible;
use evaluation::compare::{Comparison, Mean, Share, Verdict};
use evaluation::judge::Figure;

use super::words as w;

/// `12.3 %`.
#[must_use]
pub fn percent(share: f64) -> String {
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
#[must_use]
pub fn points(difference: f64) -> String {
    // Not `-0.0`.
    format!("{:+.1}", 100.0 * difference + 0.0)
}

/// The difference of a comparison; nothing where nothing is compared.
pub(super) fn difference(pair: &Comparison) -> String {
    if pair.compared == 0 { String::new() } else { points(pair.difference) }
}

/// Its interval, in the same way.
pub(super) fn pair_range(pair: &Comparison, language: Language) -> String {
    if pair.compared == 0 {
        return String::new();
    }
    range(pair.interval.low, pair.interval.high, language)
}

/// Three digits, or that it is smaller.
#[must_use]
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

pub(super) fn verdict(comparison: &Comparison, language: Language) -> String {
    let margin = format!("{:.1}", 100.0 * comparison.margin);
    if comparison.triage_only && comparison.verdict == Verdict::NotShown {
        return w::TRIAGE.get(language).to_owned();
    }
    match comparison.verdict {
        Verdict::Worse if comparison.triage_only => {
            format!("{} ({})", w::WORSE.get(language), w::TRIAGE.get(language))
        }
        Verdict::Better => w::BETTER.get(language).to_owned(),
        Verdict::Worse => w::WORSE.get(language).to_owned(),
        Verdict::NotWorse => w::NOT_WORSE.with(language, &[&margin]),
        Verdict::NotShown => w::NOT_SHOWN.get(language).to_owned(),
    }
}

/// What the items that became wrong prove.
pub(super) fn became_wrong(comparison: &Comparison, language: Language) -> String {
    let lost = &comparison.became_wrong;
    let (none, some) = if comparison.graded {
        (w::NONE_SCORED_LOWER, w::SCORED_LOWER)
    } else if comparison.by_case {
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

/// What a figure is called.
pub(super) fn figure(figure: Figure, language: Language) -> String {
    let word = match figure {
        Figure::RougeL => w::ROUGE_L,
        Figure::Rouge1 => w::ROUGE_1,
        Figure::Rouge2 => w::ROUGE_2,
        Figure::RougeLCharacters => w::ROUGE_L_CHARACTERS,
        Figure::Bleu4 => w::BLEU_4,
        Figure::ExactMatch => w::EXACT_MATCH,
        Figure::LengthRatio => w::LENGTH_RATIO,
        Figure::Repetition => w::REPETITION,
        Figure::BitsPerCharacter => w::BITS,
        Figure::Sections => w::SECTIONS,
        Figure::AxisAccuracy => w::AXIS_ACCURACY,
        Figure::AxisCompleteness => w::AXIS_COMPLETENESS,
        Figure::AxisCommunicationQuality => w::AXIS_COMMUNICATION,
        Figure::AxisContextAwareness => w::AXIS_CONTEXT,
        Figure::AxisInstructionFollowing => w::AXIS_INSTRUCTION,
    };
    word.get(language).to_owned()
}

/// A mean and its interval, or with `signed` a difference and its: a share by a hundred.
pub(super) fn measured(figure: Figure, mean: &Mean, signed: bool, language: Language) -> [String; 2] {
    let scale = if figure.is_share() { 100.0 } else { 1.0 };
    let value = |value: f64| format!("{:.2}", scale * value + 0.0);
    let shown = if signed { format!("{:+.2}", scale * mean.mean + 0.0) } else { value(mean.mean) };
    [shown, w::RANGE.with(language, &[&value(mean.low), &value(mean.high)])]
}

/// The same in as many columns as a table has for it.
pub(super) fn name(text: &str) -> String {
    common::progress::cut(&visible(text), NAME_COLUMNS)
}

/// Columns of a name in a table.
const NAME_COLUMNS: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p_has_three_digits_and_nothing_is_minus_zero() {
        assert_eq!((p_value(0.00004), p_value(0.0431)), ("< 0.001".to_owned(), "0.043".to_owned()));
        assert_eq!((points(-0.0), points(0.0451)), ("+0.0".to_owned(), "+4.5".to_owned()));
    }
}
