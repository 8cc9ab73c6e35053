//! What is shown of a dataset, in numbers and words. Made by `cli::data`, used by `html` and `terminal`, so
//! that the two cannot disagree. Invariant: nothing here holds a word of a record.

use std::path::PathBuf;

use data::screen::selftest::SelfTestReport;

use super::histogram::Histogram;
use crate::language::{Language, Text};

/// Everything that is shown of a dataset.
#[derive(Clone, Debug)]
pub struct Summary {
    /// One row a file, in the order given.
    pub files: Vec<FileRow>,
    /// How many records ended where.
    pub counts: Counts,
    /// What else there is to say of the files, in sentences.
    pub notes: Vec<String>,
    /// Fields that hold text and are not trained on, and in how many usable records; most frequent first.
    pub unused: Vec<(String, u64)>,
    /// Why records were refused: words, count, first places. Most frequent first.
    pub refused: Vec<ReasonRow>,
    /// What the screen found by kind.
    pub findings: Vec<FindingRow>,
    /// Length of a record as it is trained on.
    pub lengths: Distribution,
    /// Whether `lengths` counts tokens (a model was named) or characters.
    pub lengths_in_tokens: bool,
    /// Turns of a conversation.
    pub turns: Distribution,
    /// Records by department or disease, most frequent first; empty where no file names one.
    pub strata: Vec<(String, u64)>,
    /// What records say of their origin, and how many say it; empty where none says anything.
    pub provenance: Vec<(String, u64)>,
    /// What the adviser has to say.
    pub advice: Vec<AdviceRow>,
    /// Duplicates by how they were found.
    pub duplicates: Vec<DuplicateRow>,
    /// How the records are split.
    pub split: SplitRow,
    /// Whether the screen found what was planted in copies of these records.
    pub self_test: SelfTestReport,
    /// Root over the records, hexadecimal; what the ledger and the manifest name the dataset by.
    pub root: String,
}

/// One file.
#[derive(Clone, Debug)]
pub struct FileRow {
    /// As given.
    pub path: PathBuf,
    /// Formats of its records, such as `alpaca`.
    pub formats: String,
    /// `UTF-8` or `GB18030`.
    pub encoding: String,
    /// Records that were read.
    pub records: u64,
    /// Of them, refused.
    pub refused: u64,
}

/// Where records ended. `train + warn + block + refuse` is everything that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Everything.
    pub read: u64,
    /// Nothing to object.
    pub train: u64,
    /// Trained on, with a warning.
    pub warn: u64,
    /// Held back by the screen.
    pub block: u64,
    /// Not usable.
    pub refuse: u64,
    /// Left out because another record says the same.
    pub duplicate: u64,
    /// Kept from training by the split.
    pub held_back: u64,
    /// What a run would train on.
    pub used: u64,
}

/// One reason of refusal.
#[derive(Clone, Debug)]
pub struct ReasonRow {
    /// In words.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The first few places.
    pub places: Vec<String>,
}

/// One kind of identifier.
#[derive(Clone, Debug)]
pub struct FindingRow {
    /// Its name, the same in JSON and in waivers.
    pub kind: String,
    /// What it is, in the reader's language.
    pub title: String,
    /// Whether a check sum or a firm pattern confirms it.
    pub validated: bool,
    /// Findings.
    pub findings: u64,
    /// Records with at least one.
    pub records: u64,
    /// The first of these records, as file and line.
    pub places: Vec<String>,
}

/// Duplicates of one sort.
#[derive(Clone, Debug)]
pub struct DuplicateRow {
    /// In words: the same text, nearly the same text.
    pub sort: String,
    /// Records left out.
    pub count: u64,
    /// The first few: the record and the one that is kept.
    pub places: Vec<(String, String)>,
}

/// One piece of advice; nothing is refused for it.
#[derive(Clone, Debug)]
pub struct AdviceRow {
    /// Whether it is as the reference wants it.
    pub is_met: bool,
    /// What was measured.
    pub measured: String,
    /// What the reference wants.
    pub wanted: String,
    /// What to do next.
    pub next: String,
}

/// The split.
#[derive(Clone, Debug)]
pub struct SplitRow {
    /// In words.
    pub scheme: String,
    /// The seed.
    pub seed: u64,
    /// Part and records.
    pub sizes: Vec<(String, u64)>,
    /// What could not be done as wished.
    pub notes: Vec<String>,
}

/// A distribution of counts.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Values.
    pub count: u64,
    /// Smallest, median, 95th percentile, largest.
    pub quantiles: [u64; 4],
    /// Sum of all values.
    pub total: u64,
    /// For drawing.
    pub histogram: Histogram,
}

impl Distribution {
    /// Of values in any order.
    #[must_use]
    pub fn of(mut values: Vec<u64>, bins: usize) -> Self {
        values.sort_unstable();
        let at = |share: f64| {
            let last = values.len().saturating_sub(1) as f64;
            values.get((last * share).round() as usize).copied().unwrap_or(0)
        };
        Self {
            count: values.len() as u64,
            quantiles: [at(0.0), at(0.5), at(0.95), at(1.0)],
            total: values.iter().sum(),
            histogram: Histogram::of(&values, bins),
        }
    }
}

/// The screen's tables have their own names for the two languages.
#[must_use]
pub fn screen_language(language: Language) -> data::screen::Language {
    match language {
        Language::En => data::screen::Language::English,
        Language::Zh => data::screen::Language::Chinese,
    }
}

/// How sure a finding is, in words.
pub(super) fn certainty(validated: bool, language: Language) -> &'static str {
    use crate::language::text;
    let word: Text = if validated { text::VALIDATED } else { text::CONTEXTUAL };
    word.get(language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_and_groups() {
        let found = Distribution::of(vec![5, 1, 3], 4);
        assert_eq!((found.count, found.total, found.quantiles), (3, 9, [1, 3, 5, 5]));
        assert_eq!(Distribution::of(Vec::new(), 4).quantiles, [0; 4]);
    }
}
