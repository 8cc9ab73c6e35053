//! The hospital's table of what must not go together. Used by `compiled`. A table (CSV) with the columns
//! `drug`, `other_drug`, `condition`, `reason`, `source`; of `other_drug` and `condition` one is filled. A
//! cell has the names that a thing goes by, with `|` between them, in any language.
//!
//! Invariants: a row that cannot be right refuses the table, by its line; nothing is left out in silence.

use std::path::Path;

use super::finder::{Builder, PhraseId};
use crate::csv::{rows_of_spreadsheet, unmarked};
use crate::error::SuiteError;
use crate::limits::{NAMES_MAX, PAIR_WORDS_CHARACTERS_MAX, PAIRS_MAX};

const HEADER: [&str; 5] = ["drug", "other_drug", "condition", "reason", "source"];

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// What the drug is called.
    pub(super) drug: Vec<PhraseId>,
    /// What must not go with it is called.
    pub(super) with: Vec<PhraseId>,
    /// Whether that is a drug, too.
    pub(super) is_drug: bool,
    /// Why.
    pub(super) reason: String,
    /// Who says so.
    pub(super) source: String,
}

/// The rows of a table; the names go to the builder.
pub(super) fn read(path: &Path, text: &str, builder: &mut Builder) -> Result<Vec<Pair>, SuiteError> {
    let rows = rows_of_spreadsheet(text, PAIRS_MAX).map_err(|line| {
        SuiteError::at(path, line, format!("it is too long; a table has at most {PAIRS_MAX} pairs"))
    })?;
    let mut rows = rows.into_iter();
    let (_, header) = rows.next().ok_or_else(|| SuiteError::file(path, "it holds no line"))?;
    let header: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
    if header != HEADER {
        return Err(SuiteError::at(path, 1, format!("its columns are not {}", HEADER.join(", "))));
    }
    let pairs = rows.map(|(line, cells)| {
        let cells: [String; 5] =
            cells.try_into().map_err(|_| SuiteError::at(path, line, "it has not five cells"))?;
        pair(&cells.map(|cell| unmarked(&cell).trim().to_owned()), builder)
            .map_err(|reason| SuiteError::at(path, line, reason))
    });
    let pairs = pairs.collect::<Result<Vec<Pair>, SuiteError>>()?;
    if pairs.is_empty() {
        return Err(SuiteError::file(path, "it holds no pair"));
    }
    Ok(pairs)
}

fn pair(
    [drug, other, condition, reason, source]: &[String; 5],
    builder: &mut Builder,
) -> Result<Pair, String> {
    let (with, is_drug) = match (other.is_empty(), condition.is_empty()) {
        (false, true) => (other, true),
        (true, false) => (condition, false),
        _ => return Err("of other_drug and condition one has to be filled".to_owned()),
    };
    for (column, text) in [("reason", reason), ("source", source)] {
        let is_right = !text.is_empty()
            && text.chars().count() <= PAIR_WORDS_CHARACTERS_MAX
            && !text.chars().any(char::is_control);
        if !is_right {
            return Err(format!(
                "its {column} has not 1 to {PAIR_WORDS_CHARACTERS_MAX} printable characters"
            ));
        }
    }
    let (drug, with) = (names(drug, builder)?, names(with, builder)?);
    if drug.iter().any(|name| with.contains(name)) {
        return Err("the two go by one name".to_owned());
    }
    Ok(Pair { drug, with, is_drug, reason: reason.clone(), source: source.clone() })
}

/// The names of a cell.
fn names(cell: &str, builder: &mut Builder) -> Result<Vec<PhraseId>, String> {
    let names: Vec<&str> = cell.split('|').map(str::trim).collect();
    if names.len() > NAMES_MAX || names.iter().any(|name| name.is_empty() || name.contains(['*', '#'])) {
        return Err(format!(
            "a drug or a condition has 1 to {NAMES_MAX} names, with | between them, without * and #"
        ));
    }
    let found = names.into_iter().map(|name| builder.add(name));
    found.collect::<Result<_, String>>().map_err(|reason| format!("a name in it {reason}"))
}
