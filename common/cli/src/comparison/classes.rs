//! What is shown of a suite whose items all have the same answers: macro-F1 with its interval, and each
//! answer by itself. Used by `text` and `html`, so that both say the same. Invariant: a share of nothing is
//! empty.

use common::language::Language;
use common::progress::cut;
use common::terminal::visible;
use evaluation::compare::{Comparison, Scores, SuiteReport};

use super::format::{name, percent, points, range};
use super::words as w;

/// Columns of an answer's name, and of a model's beside it.
const NAME_COLUMNS: usize = 14;

/// One model's mean over the answers.
pub(super) fn note(scores: &Scores, language: Language) -> Option<String> {
    let mean = scores.classes.as_ref()?.macro_f1;
    let (value, interval) = (percent(mean.mean), range(mean.low, mean.high, language));
    Some(w::MACRO_F1.with(language, &[&name(&scores.name), &value, &interval, &mean.of]))
}

/// What became of it beside the base.
pub(super) fn change(pair: &Comparison, language: Language) -> Option<String> {
    let mean = pair.macro_f1?;
    let interval = range(mean.low, mean.high, language);
    Some(w::MACRO_F1_CHANGE.with(language, &[&points(mean.mean), &interval]))
}

/// A row for each answer and model, `most` answers; nothing where the items have answers of their own.
pub(super) fn table(suite: &SuiteReport, most: usize, language: Language) -> Option<Vec<Vec<String>>> {
    let arms: Vec<_> = suite.arms.iter().filter_map(|arm| Some((arm, arm.classes.as_ref()?))).collect();
    if arms.is_empty() {
        return None;
    }
    let head = [w::CLASS, w::MODEL, w::OF, w::SAID, w::RECALL, w::PRECISION];
    let mut rows: Vec<Vec<String>> =
        vec![head.map(|word| word.get(language).to_owned()).into_iter().chain(["F1".to_owned()]).collect()];
    let mut names: Vec<&str> = Vec::new();
    for class in arms.iter().flat_map(|(_, classes)| &classes.each) {
        if !names.contains(&class.name.as_str()) {
            names.push(&class.name);
        }
    }
    // Those that stand for most of the questions first.
    let of = |name: &str| {
        arms.iter().flat_map(|(_, all)| &all.each).find(|one| one.name == name).map(|one| one.of)
    };
    names.sort_by_key(|name| std::cmp::Reverse(of(name)));
    let share = |share: Option<f64>| share.map(percent).unwrap_or_default();
    for name in names.into_iter().take(most) {
        for (arm, classes) in &arms {
            let Some(class) = classes.each.iter().find(|class| class.name == name) else { continue };
            rows.push(vec![
                cut(&visible(name), NAME_COLUMNS),
                cut(&visible(&arm.name), NAME_COLUMNS),
                class.of.to_string(),
                class.said.to_string(),
                share(class.recall),
                share(class.precision),
                percent(class.f1),
            ]);
        }
    }
    Some(rows)
}
