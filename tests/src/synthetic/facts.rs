//! `facts.tsv`: one medical condition a line, in Chinese and English. Used by `records`, by `make-demo-data`
//! and by the release demo. Invariant: every row is complete; a condition appears once.

use std::collections::BTreeSet;
use std::path::Path;

use super::outcome::Outcome;
use super::people::Who;

/// What is said of a condition, in one language.
#[derive(Debug, Clone)]
pub struct Words {
    pub condition: String,
    pub symptom: String,
    pub test: String,
    pub treatment: String,
    pub advice: String,
    pub warning: String,
}

/// One condition.
#[derive(Debug, Clone)]
pub struct Fact {
    pub department: String,
    pub who: Who,
    pub chinese: Words,
    pub english: Words,
}

/// Every row of the file.
///
/// # Errors
/// It cannot be read, or a row is not complete.
pub fn read(path: &Path) -> Outcome<Vec<Fact>> {
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
