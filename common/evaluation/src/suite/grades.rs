//! Grades that people, or another model, gave answers by the criteria of their rubrics. Read with its suite;
//! `judge` takes them. A row is one criterion of one answer: `item`, `answer` (the SHA-256 of its text, as a
//! sheet has it), `criterion` (from 1), `met` (yes, no, or empty for not yet), `grader`. A file `*.csv` is a
//! table whose other columns are passed over; any other has a JSON object a line.
//!
//! Invariants: a grade belongs to the words of an answer, not to a model, so that who grades need not know
//! whose it is, and a changed answer has none; a row that names what the suite has not is refused by line.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde::Deserialize;

use super::item::Item;
use super::score::GradedBy;
use super::sha256::sha256;
use crate::csv::{rows, unmarked};
use crate::error::SuiteError;
use crate::limits::{GRADES_MAX, ID_CHARACTERS_MAX, LINE_BYTES_MAX};

/// How many said that a criterion is met, and how many that it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Votes {
    /// Met.
    pub yes: u32,
    /// Not met.
    pub no: u32,
}

/// All grades of a file.
#[derive(Clone, Debug)]
pub struct Grades {
    /// The file's name.
    pub file: String,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Who gave them.
    pub by: GradedBy,
    /// How many graders it names.
    pub graders: u64,
    /// By item and answer, a place for each criterion.
    votes: HashMap<(String, String), Vec<Votes>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    item: String,
    answer: String,
    criterion: usize,
    met: Met,
    grader: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Met {
    Bool(bool),
    Text(String),
}

/// What names an answer in a sheet: the SHA-256 of its text in hex.
#[must_use]
pub fn answer_sha256(answer: &str) -> String {
    sha256(answer.as_bytes())
}

impl Grades {
    /// The votes on each criterion of an answer; nothing where nobody graded it.
    #[must_use]
    pub fn of(&self, item: &Item, answer: &str) -> Option<&[Votes]> {
        self.votes.get(&(item.name(), answer_sha256(answer))).map(Vec::as_slice)
    }

    /// Reads a file's text for the items of its suite. Rows of a sheet that are another suite's are passed
    /// over.
    pub(super) fn read(
        path: &Path,
        text: &str,
        hash: String,
        by: GradedBy,
        suite: &str,
        items: &[Item],
    ) -> Result<Self, SuiteError> {
        let criteria: HashMap<String, usize> =
            items.iter().map(|item| (item.name(), item.rubric.len())).collect();
        let (mut votes, mut given, mut graders) = (HashMap::new(), HashMap::new(), BTreeSet::new());
        let is_table = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        let read = if is_table { table(path, text, suite)? } else { lines(path, text)? };
        for (line, row) in read {
            let refuse = |reason: &str| Err(SuiteError::at(path, line, reason));
            let Some(met) = row.met.read() else { return refuse("met is neither yes, no nor empty") };
            let Some(met) = met else { continue };
            let Some(count) = criteria.get(&row.item).copied() else {
                return refuse("its item is none of the suite's");
            };
            if !(1..=count).contains(&row.criterion) {
                return refuse("its criterion is none of its item's, which count from 1");
            }
            let answer = row.answer.trim().to_ascii_lowercase();
            if answer.len() != 64 || !answer.bytes().all(|b| b.is_ascii_hexdigit()) {
                return refuse("answer is not a SHA-256 in hex, as the sheet has it");
            }
            let grader = row.grader.trim().to_owned();
            if grader.is_empty()
                || grader.chars().count() > ID_CHARACTERS_MAX
                || grader.chars().any(char::is_control)
            {
                return refuse("its grader has no name that can be used");
            }
            let key = (row.item, answer);
            match given.insert((key.clone(), row.criterion, grader.clone()), met) {
                None => {
                    let all: &mut Vec<Votes> =
                        votes.entry(key).or_insert_with(|| vec![Votes::default(); count]);
                    let one = &mut all[row.criterion - 1];
                    *(if met { &mut one.yes } else { &mut one.no }) += 1;
                }
                Some(before) if before == met => {}
                Some(_) => return refuse("the same grader said the other thing before"),
            }
            graders.insert(grader);
        }
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { file, sha256: hash, by, graders: graders.len() as u64, votes })
    }
}

impl Met {
    /// Yes or no, or not yet; the outer nothing is what cannot be read.
    fn read(&self) -> Option<Option<bool>> {
        match self {
            Self::Bool(met) => Some(Some(*met)),
            Self::Text(text) => match text.trim().to_lowercase().as_str() {
                "" => Some(None),
                "yes" | "y" | "true" | "1" | "是" => Some(Some(true)),
                "no" | "n" | "false" | "0" | "否" => Some(Some(false)),
                _ => None,
            },
        }
    }
}

fn lines(path: &Path, text: &str) -> Result<Vec<(u64, Row)>, SuiteError> {
    let mut read = Vec::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        if text.len() > LINE_BYTES_MAX || read.len() == GRADES_MAX {
            return Err(SuiteError::at(path, line, "there are too many lines, or it is too long"));
        }
        let row = serde_json::from_str(text).map_err(|_| {
            SuiteError::at(path, line, "it is no JSON object of item, answer, criterion, met and grader")
        })?;
        read.push((line, row));
    }
    Ok(read)
}

fn table(path: &Path, text: &str, suite: &str) -> Result<Vec<(u64, Row)>, SuiteError> {
    let rows = rows(text, GRADES_MAX)
        .map_err(|line| SuiteError::at(path, line, "there are too many rows, or its row is too long"))?;
    let mut rows = rows.into_iter();
    let Some((_, header)) = rows.next() else { return Ok(Vec::new()) };
    let column = |name: &str| {
        let place = header.iter().position(|column| column.trim() == name);
        place.ok_or_else(|| SuiteError::at(path, 1, format!("there is no column {name}")))
    };
    let places =
        [column("item")?, column("answer")?, column("criterion")?, column("met")?, column("grader")?];
    // People need not have kept it.
    let of_suite = column("suite").ok();
    let is_ours = |cells: &[String]| {
        let named = of_suite.and_then(|place| cells.get(place)).map_or("", |cell| unmarked(cell.trim()));
        named.is_empty() || named == suite
    };
    let ours = rows.filter(|(_, cells)| is_ours(cells));
    ours.map(|(line, cells)| {
        let cell = |column: usize| cells.get(places[column]).cloned().unwrap_or_default();
        let met = Met::Text(cell(3));
        // Who has not graded it yet need not have a name.
        let criterion = cell(2).trim().parse().ok().filter(|number: &usize| *number > 0);
        let criterion = criterion
            .or_else(|| matches!(met.read(), Some(None)).then_some(0))
            .ok_or_else(|| SuiteError::at(path, line, "criterion is no number from 1"))?;
        let item = unmarked(&cell(0)).to_owned();
        Ok((line, Row { item, answer: cell(1), criterion, met, grader: cell(4) }))
    })
    .collect()
}
