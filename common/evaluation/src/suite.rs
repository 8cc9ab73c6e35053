//! A suite: a TOML file that says what is asked and how it is scored, and beside it a file of records as
//! their owner publishes them. Called by the commands that evaluate.
//!
//! Invariants: an item that cannot be scored refuses the whole suite, by its line: a score of what is left
//! would be another test set's; the file of records lies in the folder of the suite file.

mod examples;
mod grades;
mod item;
mod json;
mod layout;
mod phrases;
mod rubric;
mod rule;
mod score;
mod settings;
mod sha256;
mod shots;
mod structure;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::SuiteError;
use crate::limits::{GRADES_BYTES_MAX, ITEMS_MAX, RECORDS_BYTES_MAX, SUITE_BYTES_MAX};

pub use self::grades::{Grades, Votes, answer_sha256};
pub use self::item::{Exam, Item, Speaker, Turn, letter};
pub use self::rubric::{Axis, Criterion};
pub use self::rule::{Phrases, Rule, Tongue};
pub use self::score::{GradedBy, Score};
pub use self::settings::{Layout, Prompt, Settings};
pub(crate) use self::sha256::sha256;
pub use self::shots::Shots;
pub use self::structure::Structure;

/// A suite that was read and checked.
#[derive(Clone, Debug)]
pub struct Suite {
    /// What the suite file says.
    pub settings: Settings,
    /// The suite file's name.
    pub file: PathBuf,
    /// The line of its description, where it has one.
    pub description_line: u64,
    /// Its items, in the order of the file; at least one.
    pub items: Vec<Item>,
    /// What stands with its answer before every question.
    pub examples: Vec<Item>,
    /// SHA-256 of the file of records, in hex.
    pub records_sha256: String,
    /// The same of the examples, where they have a file of their own.
    pub examples_sha256: Option<String>,
    /// The grades of answers that there are already; with rubrics.
    pub grades: Option<Grades>,
}

/// A suite file that was read; its records were not yet.
#[derive(Clone, Debug)]
pub struct SuiteFile {
    path: PathBuf,
    settings: Settings,
    description_line: u64,
}

impl SuiteFile {
    /// Reads the settings.
    ///
    /// # Errors
    /// `Io`; `At` with the line of an unknown or impossible setting.
    pub fn read(path: &Path) -> Result<Self, SuiteError> {
        Self::parse(path, &bounded(path, SUITE_BYTES_MAX)?)
    }

    /// The settings in these bytes of the file at `path`.
    ///
    /// # Errors
    /// `At` with the line of an unknown or impossible setting, or of what is not UTF-8.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, SuiteError> {
        let text = text(path, bytes)?;
        let description_line = settings::line_of(text, "description");
        Ok(Self { path: path.to_path_buf(), settings: settings::parse(path, text)?, description_line })
    }

    /// The file of records: in the suite file's folder.
    #[must_use]
    pub fn records(&self) -> PathBuf {
        self.path.with_file_name(&self.settings.records)
    }

    /// All files beside it that [`Self::open`] reads: the records, and the grades and the
    /// examples where it names some.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let grades = self.settings.grades.iter().map(|(file, _)| self.path.with_file_name(file));
        let examples = self.settings.shots.file.iter().map(|file| self.path.with_file_name(file));
        std::iter::once(self.records()).chain(grades).chain(examples).collect()
    }

    /// Reads the records, the grades and the examples.
    ///
    /// # Errors
    /// `Io`; `At` with the line of the first record that cannot be scored; `File` where there is none.
    pub fn open(self) -> Result<Suite, SuiteError> {
        let bytes = bounded(&self.records(), RECORDS_BYTES_MAX)?;
        self.with_records(&bytes)
    }

    /// As [`Self::open`], with the bytes of the file of records.
    ///
    /// # Errors
    /// `At` with the line of the first record that cannot be scored; `File` where there is none.
    pub fn with_records(self, bytes: &[u8]) -> Result<Suite, SuiteError> {
        let path = self.records();
        let mut items = layout::items(&path, text(&path, bytes)?, &self.settings)?;
        check(&path, &items, &self.settings)?;
        let (examples, examples_sha256) = self.examples(&mut items)?;
        let grades = self.settings.grades.as_ref().map(|(file, by)| {
            let path = self.path.with_file_name(file);
            let bytes = bounded(&path, GRADES_BYTES_MAX)?;
            Grades::read(&path, text(&path, &bytes)?, sha256(&bytes), *by, &self.settings.name, &items)
        });
        let grades = grades.transpose()?;
        let records_sha256 = sha256(bytes);
        Ok(Suite {
            file: self.path.file_name().map(PathBuf::from).unwrap_or_default(),
            settings: self.settings,
            description_line: self.description_line,
            items,
            examples,
            records_sha256,
            examples_sha256,
            grades,
        })
    }

    /// The examples, and the SHA-256 of their file where they have one of their own; those of the suite's own
    /// file leave `items`.
    fn examples(&self, items: &mut Vec<Item>) -> Result<(Vec<Item>, Option<String>), SuiteError> {
        let Shots { count, file } = &self.settings.shots;
        let records = self.records();
        let (examples, sha256) = match file {
            _ if *count == 0 => return Ok((Vec::new(), None)),
            None => (examples::of_own_file(&records, *count, items)?, None),
            Some(file) => {
                let path = self.path.with_file_name(file);
                let bytes = bounded(&path, RECORDS_BYTES_MAX)?;
                let all = layout::items(&path, text(&path, &bytes)?, &self.settings)?;
                check(&path, &all, &self.settings)?;
                (examples::of_file(&path, *count, all)?, Some(sha256(&bytes)))
            }
        };
        examples::must_differ(&records, self.settings.layout, &examples, items)?;
        Ok((examples, sha256))
    }

    /// What the file says.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl Suite {
    /// The name of the file that the examples are from.
    #[must_use]
    pub fn examples_file(&self) -> &str {
        self.settings.shots.file.as_deref().unwrap_or(&self.settings.records)
    }

    /// The share of the items that have the most frequent answer: what a model scores that always gives it.
    /// Nothing where answers are words.
    #[must_use]
    pub fn majority(&self) -> Option<f64> {
        if self.settings.score.is_words() {
            return None;
        }
        let mut counts: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
        let is_fixed = !self.settings.answers.is_empty();
        let letters: Vec<String> = (0..self.items.iter().map(|item| item.options.len()).max().unwrap_or(0))
            .map(|index| letter(index).to_string())
            .collect();
        for item in &self.items {
            let words = |index: &usize| if is_fixed { &item.options[*index] } else { &letters[*index] };
            *counts.entry(item.gold.iter().map(|index| words(index).as_str()).collect()).or_default() += 1;
        }
        Some(counts.into_values().max().unwrap_or(0) as f64 / self.items.len().max(1) as f64)
    }

    /// What guessing scores on average: one option of an item, or, of an item of which several are right, one
    /// set of options that is not empty.
    /// Nothing where answers are words.
    #[must_use]
    pub fn guessing(&self) -> Option<f64> {
        if self.settings.score.is_words() {
            return None;
        }
        let chance = |item: &Item| {
            let options = item.options.len() as f64;
            if item.gold.len() > 1 { 1.0 / (options.exp2() - 1.0) } else { 1.0 / options }
        };
        Some(self.items.iter().map(chance).sum::<f64>() / self.items.len().max(1) as f64)
    }
}

/// What holds between the items.
fn check(path: &Path, items: &[Item], settings: &Settings) -> Result<(), SuiteError> {
    if items.is_empty() {
        return Err(SuiteError::file(path, "it holds no item"));
    }
    if items.len() > ITEMS_MAX {
        return Err(SuiteError::file(path, format!("it holds more than {ITEMS_MAX} items")));
    }
    let mut seen: HashMap<&str, u64> = HashMap::new();
    for item in items {
        item.check(settings).map_err(|reason| settings.layout.fault(path, item.line, reason))?;
        if let Some(before) = item.id.as_deref().and_then(|id| seen.insert(id, item.line)) {
            let unit = if settings.layout.counts_records() { "record" } else { "line" };
            return Err(settings.layout.fault(path, item.line, format!("its id is that of {unit} {before}")));
        }
    }
    Ok(())
}

/// The bytes of a file, if there are not too many.
pub(crate) fn bounded(path: &Path, most: u64) -> Result<Vec<u8>, SuiteError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(SuiteError::io(path))?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(SuiteError::io(path))?;
    if bytes.len() as u64 > most {
        return Err(SuiteError::file(path, format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

/// As UTF-8, without a byte order mark.
pub(crate) fn text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, SuiteError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        SuiteError::at(path, line as u64, "it is not UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}
