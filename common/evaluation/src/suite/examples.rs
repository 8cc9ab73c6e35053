//! Few-shot examples of a suite: records with their answers that stand before every question. Used by
//! `suite`, which reads their file. Invariants: the first records are taken, so that every question of every
//! model has the same examples; none of them is asked, and none has the content of one that is.

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

/// Refuses a question that is an example, too.
pub(super) fn must_differ(
    records: &Path,
    layout: Layout,
    examples: &[Item],
    items: &[Item],
) -> Result<(), SuiteError> {
    let known: HashSet<Vec<String>> = examples.iter().map(content).collect();
    if known.is_empty() {
        return Ok(());
    }
    match items.iter().find(|item| known.contains(&content(item))) {
        None => Ok(()),
        Some(item) => {
            let reason = "it is one of the examples, whose answer stands before every question";
            Err(layout.fault(records, item.line, reason))
        }
    }
}

/// What makes two records the same question: their texts after NFKC in lower case, whatever white space and
/// order of options.
fn content(item: &Item) -> Vec<String> {
    let plain = |text: &str| {
        let text: String = text.nfkc().collect::<String>().to_lowercase();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut options: Vec<String> = item.options.iter().map(|option| plain(option)).collect();
    options.sort();
    [plain(&item.context), plain(&item.question)].into_iter().chain(options).collect()
}
