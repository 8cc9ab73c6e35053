//! `facts.tsv`: one medical condition a line, in Chinese and English. Read once by the generator.
//! Invariant: every row is complete; a condition appears once.

use std::collections::BTreeSet;
use std::path::Path;

use crate::outcome::Outcome;
use crate::people::Who;

/// What is said of a condition, in one language.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    pub(crate) condition: String,
    pub(crate) symptom: String,
    pub(crate) test: String,
    pub(crate) treatment: String,
    pub(crate) advice: String,
    pub(crate) warning: String,
}

/// One condition.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) department: String,
    pub(crate) who: Who,
    pub(crate) chinese: Words,
    pub(crate) english: Words,
}

pub(crate) fn read(path: &Path) -> Outcome<Vec<Fact>> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut seen = BTreeSet::new();
    let mut facts = Vec::new();
    for (index, line) in text.lines().enumerate().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let number = index + 1;
        if cells.len() != 14 || cells.iter().any(|cell| cell.trim().is_empty()) {
            return Err(format!("{}, line {number}: 14 filled columns are needed", path.display()).into());
        }
        if !seen.insert(cells[2].to_owned()) {
            return Err(format!("{}, line {number}: the condition is there twice", path.display()).into());
        }
        let who = Who::parse(cells[1]).ok_or_else(|| format!("{}, line {number}: who?", path.display()))?;
        let words = |offset: usize| {
            let cell = |column: usize| cells[2 + 2 * column + offset].to_owned();
            Words {
                condition: cell(0),
                symptom: cell(1),
                test: cell(2),
                treatment: cell(3),
                advice: cell(4),
                warning: cell(5),
            }
        };
        facts.push(Fact { department: cells[0].to_owned(), who, chinese: words(0), english: words(1) });
    }
    Ok(facts)
}
