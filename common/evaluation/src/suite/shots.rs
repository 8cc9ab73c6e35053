//! What a suite file says of few-shot examples, and of files beside it. Used by `settings`. Invariant: a key
//! that would not act is refused.

use std::path::Path;

use super::score::{Fault, Score};
use crate::limits::SHOTS_MAX;

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

/// Whether a file lies in the suite file's folder.
pub(super) fn is_name(key: &'static str, file: &str) -> Result<(), Fault> {
    let is_name = Path::new(file).file_name().is_some_and(|name| *name == *file);
    if is_name && !file.chars().any(char::is_control) {
        return Ok(());
    }
    let reason = "names a file in the folder of the suite file, without a path or control characters";
    Err((key, reason.to_owned()))
}
