//! Few-shot examples of a suite: records with their answers that stand before every question. Used by
//! `settings`, which checks what a suite file says of them, and by `suite`, which takes them. Invariants: the
//! first records are taken, so that every question of every model has the same examples; none of them is
//! asked, and none has the content of one that is.

use std::collections::HashSet;
use std::path::Path;

use unicode_normalization::UnicodeNormalization as _;

use super::item::Item;
use super::score::{Fault, Score};
use super::settings::{Settings, is_name};
use super::{bounded, check, layout, sha256, text};
use crate::error::SuiteError;
use crate::limits::{RECORDS_BYTES_MAX, SHOTS_MAX};

/// What a suite file says of examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shots {
    /// How many.
    pub count: usize,
    /// The file that they are the first records of; where there is none, the suite's own.
    pub file: Option<String>,
}

/// Checks what a suite file says.
pub(super) fn shots(count: Option<usize>, file: Option<String>, score: Score) -> Result<Shots, Fault> {
    match (count, file) {
        (None, None) => Ok(Shots::default()),
        (None, Some(_)) => Err(("examples", "acts with `shots` only".to_owned())),
        (Some(count), _) if !(1..=SHOTS_MAX).contains(&count) => {
            Err(("shots", format!("is from 1 to {SHOTS_MAX}")))
        }
        (Some(_), _) if !matches!(score, Score::Letters | Score::Options) => {
            Err(("shots", "acts on letters and options only".to_owned()))
        }
        (Some(count), file) => {
            file.iter().try_for_each(|file| is_name("examples", file))?;
            Ok(Shots { count, file })
        }
    }
}

/// The examples, and the SHA-256 of their file where they have one of their own. Those of the suite's own
/// file leave `items`.
pub(super) fn take(
    suite: &Path,
    settings: &Settings,
    items: &mut Vec<Item>,
) -> Result<(Vec<Item>, Option<String>), SuiteError> {
    let Shots { count, file } = &settings.shots;
    let records = suite.with_file_name(&settings.records);
    let (examples, sha256) = match file {
        _ if *count == 0 => return Ok((Vec::new(), None)),
        None if items.len() <= *count => {
            let reason = format!("its first {count} records are examples, and none is left to be asked");
            return Err(SuiteError::file(&records, reason));
        }
        None => (items.drain(..count).collect(), None),
        Some(file) => {
            let path = suite.with_file_name(file);
            let bytes = bounded(&path, RECORDS_BYTES_MAX)?;
            let mut examples = layout::items(&path, text(&path, &bytes)?, settings)?;
            check(&path, &examples, settings)?;
            if examples.len() < *count {
                let reason = format!("it has {} records, and shots is {count}", examples.len());
                return Err(SuiteError::file(&path, reason));
            }
            examples.truncate(*count);
            (examples, Some(sha256(&bytes)))
        }
    };
    let known: HashSet<Vec<String>> = examples.iter().map(content).collect();
    match items.iter().find(|item| known.contains(&content(item))) {
        None => Ok((examples, sha256)),
        Some(item) => {
            let reason = "it is one of the examples, whose answer stands before every question";
            Err(settings.layout.fault(&records, item.line, reason))
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
