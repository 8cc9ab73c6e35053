//! Few-shot examples of a suite: records with their answers that stand before every question. Used by
//! `suite`, which reads their file. Invariants: the first records are taken, so that every question of every
//! model has the same examples; none of them is asked, and no question has the content of one or is of its
//! case.

use std::collections::HashSet;
use std::path::Path;

use unicode_normalization::UnicodeNormalization as _;

use super::item::Item;
use super::settings::Layout;
use crate::error::SuiteError;

/// The first records of the suite's own file at `records`; they leave `items`.
pub(super) fn of_own_file(
    records: &Path,
    count: usize,
    items: &mut Vec<Item>,
) -> Result<Vec<Item>, SuiteError> {
    if items.len() <= count {
        let reason = format!("its first {count} records are examples, and none is left to be asked");
        return Err(SuiteError::file(records, reason));
    }
    Ok(items.drain(..count).collect())
}

/// The first records of a file of their own at `path`.
pub(super) fn of_file(path: &Path, count: usize, mut all: Vec<Item>) -> Result<Vec<Item>, SuiteError> {
    if all.len() < count {
        let reason = format!("it has {} records, and shots is {count}", all.len());
        return Err(SuiteError::file(path, reason));
    }
    all.truncate(count);
    Ok(all)
}

/// Refuses a question that is an example, too, or of an example's case: the same patient or article tells its
/// answer.
pub(super) fn must_differ(
    records: &Path,
    layout: Layout,
    examples: &[Item],
    items: &[Item],
) -> Result<(), SuiteError> {
    let known: HashSet<Vec<String>> = examples.iter().map(content).collect();
    let cases: HashSet<&str> = examples.iter().filter_map(|example| example.case.as_deref()).collect();
    if known.is_empty() {
        return Ok(());
    }
    for item in items {
        let what = if known.contains(&content(item)) {
            "it is one of the examples"
        } else if item.case.as_deref().is_some_and(|case| cases.contains(case)) {
            "its case is that of one of the examples"
        } else {
            continue;
        };
        let reason = format!("{what}, whose answer stands before every question");
        return Err(layout.fault(records, item.line, reason));
    }
    Ok(())
}

/// What makes two records the same question: context, question and right answers after NFKC in lower case,
/// whatever white space. Other wrong options make no other question; another right answer does, for many
/// questions ask which of their options is true.
fn content(item: &Item) -> Vec<String> {
    let plain = |text: &str| {
        let text: String = text.nfkc().collect::<String>().to_lowercase();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let right = item.gold.iter().filter_map(|gold| item.options.get(*gold));
    let mut right: Vec<String> = right.map(|option| plain(option)).collect();
    right.sort();
    [plain(&item.context), plain(&item.question)].into_iter().chain(right).collect()
}
