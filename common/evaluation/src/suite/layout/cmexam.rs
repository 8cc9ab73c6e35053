//! CMExam's table: `Question`, `Options` (a line an option, its letter first), `Answer` (letters). Called by
//! `layout`. Source: williamliujl/CMExam, `data/test_with_annotations.csv`.

use std::path::Path;

use super::super::item::Item;
use super::record::{in_order, letters};
use crate::csv::rows;
use crate::error::SuiteError;
use crate::limits::ITEMS_MAX;

pub(super) fn items(path: &Path, text: &str) -> Result<Vec<Item>, SuiteError> {
    let rows = rows(text, ITEMS_MAX)
        .map_err(|line| SuiteError::at(path, line, "there are too many rows, or its row is too long"))?;
    let mut rows = rows.into_iter();
    let Some((_, header)) = rows.next() else { return Ok(Vec::new()) };
    let column = |name: &str| {
        let place = header.iter().position(|column| column == name);
        place.ok_or_else(|| SuiteError::at(path, 1, format!("there is no column {name}")))
    };
    let [question, options, answer] = [column("Question")?, column("Options")?, column("Answer")?];
    rows.map(|(line, cells)| {
        let cell = |place: usize| {
            let cell = cells.get(place).map(String::as_str);
            cell.ok_or_else(|| SuiteError::at(path, line, "it has fewer cells than the header"))
        };
        let item = item(cell(question)?, cell(options)?, cell(answer)?);
        item.map(|item| Item { line, ..item }).map_err(|reason| SuiteError::at(path, line, reason))
    })
    .collect()
}

fn item(question: &str, options: &str, answer: &str) -> Result<Item, String> {
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    for line in options.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut characters = line.chars();
        let name = characters.next().map(String::from).unwrap_or_default();
        let text =
            characters.as_str().trim_start_matches(['.', '．', '、', ':', '：', ' ', '\u{3000}', '\t']);
        names.push(name);
        texts.push(text.to_owned());
    }
    in_order(&names)?;
    let gold = letters(answer, &names)?;
    Ok(Item { question: question.to_owned(), options: texts, gold, ..Item::default() })
}
