//! What is shown of answers in words: the score that graders or likeness gave, every other figure with its n,
//! its interval and its change, the rules, and who graded. Used by `text` and `html`, so that both say the
//! same. Invariant: where a model graded, that it is for triage only stands beside the figures.

use std::collections::BTreeSet;

use common::language::{Language, Text};
use common::progress::cut;
use common::terminal::visible;
use evaluation::compare::{Scores, SuiteReport};
use evaluation::judge::Figure;
use evaluation::suite::{GradedBy, Score};

use super::format::{figure, interval, measured, name, percent, range};
use super::words as w;

/// Columns of a rule's name.
const RULE_COLUMNS: usize = 18;
/// Columns of a model's name beside a figure's.
const MODEL_COLUMNS: usize = 14;

/// Who graded.
pub(super) fn grading(suite: &SuiteReport, language: Language) -> Vec<String> {
    match &suite.grading {
        Some(grading) => {
            let words = match grading.by {
                GradedBy::People => w::GRADED_BY_PEOPLE,
                GradedBy::Model => w::GRADED_BY_MODEL,
            };
            let short = grading.sha256.get(..12).unwrap_or_default();
            vec![words.with(language, &[&grading.graders, &visible(&grading.file), &short])]
        }
        None if suite.score == Score::Rubric => vec![w::NOT_GRADED_YET.get(language).to_owned()],
        None => Vec::new(),
    }
}

/// A model's row where answers are right in part.
pub(super) fn credit(arm: &Scores, language: Language) -> Vec<String> {
    let Some(credit) = arm.credit else {
        return vec![name(&arm.name), String::new(), String::new(), "0".to_owned()];
    };
    vec![
        name(&arm.name),
        percent(credit.mean),
        range(credit.low, credit.high, language),
        credit.of.to_string(),
    ]
}

/// The tables of figures and of rules, each with its title, where the suite has some.
pub(super) fn tables(suite: &SuiteReport, language: Language) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let mut tables = Vec::new();
    if suite.arms.iter().any(|arm| !arm.figures.is_empty()) {
        tables.push((w::FIGURES.get(language), figures(suite, false, language)));
    }
    if suite.comparisons.iter().any(|pair| !pair.figures.is_empty()) {
        tables.push((w::CHANGES.get(language), figures(suite, true, language)));
    }
    if suite.arms.iter().any(|arm| !arm.rules.is_empty()) {
        tables.push((w::RULES.get(language), rules(suite, language)));
    }
    tables
}

fn head(words: &[Text], language: Language) -> Vec<String> {
    words.iter().map(|word| word.get(language).to_owned()).collect()
}

/// The means of every figure, or with `changes` the differences to the base.
fn figures(suite: &SuiteReport, changes: bool, language: Language) -> Vec<Vec<String>> {
    let value = if changes { w::CHANGE } else { w::MEAN };
    let mut rows = vec![head(&[w::FIGURE, w::MODEL, value, w::INTERVAL, w::OF], language)];
    let of_arms = suite.arms.iter().map(|arm| (&arm.name, &arm.figures));
    let of_pairs = suite.comparisons.iter().map(|pair| (&pair.name, &pair.figures));
    let measured_of: Vec<_> = if changes { of_pairs.collect() } else { of_arms.collect() };
    let kinds: BTreeSet<Figure> =
        measured_of.iter().flat_map(|(_, all)| all.iter().map(|measure| measure.figure)).collect();
    for kind in kinds {
        for (name, all) in &measured_of {
            let Some(measure) = all.iter().find(|measure| measure.figure == kind) else { continue };
            let mut row = vec![figure(kind, language), cut(&visible(name), MODEL_COLUMNS)];
            row.extend(measured(kind, &measure.mean, changes, language));
            row.push(measure.mean.of.to_string());
            rows.push(row);
        }
    }
    rows
}

fn rules(suite: &SuiteReport, language: Language) -> Vec<Vec<String>> {
    let mut rows = vec![head(&[w::RULE, w::MODEL, w::BROKEN, w::OF, w::INTERVAL, w::BELOW], language)];
    for (place, first) in suite.arms.first().map_or(&[][..], |arm| &arm.rules).iter().enumerate() {
        for arm in &suite.arms {
            let Some(rule) = arm.rules.get(place) else { continue };
            rows.push(vec![
                cut(&visible(&first.name), RULE_COLUMNS),
                cut(&visible(&arm.name), MODEL_COLUMNS),
                rule.broken.count.to_string(),
                rule.broken.of.to_string(),
                interval(&rule.broken, language),
                rule.below.map(|below| format!("< {}", percent(below))).unwrap_or_default(),
            ]);
        }
    }
    rows
}
