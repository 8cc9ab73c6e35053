//! The files that graders get, in every form of a sheet. Called by `new`. Invariants: all forms of a grader's
//! sheet have the same answers in the same order, and each of them is enough; a file is written as soon as it
//! is made, so that there is one at a time in memory.

use evaluation::review::{
    Key, argilla_dataset, form, how_to_grade, label_studio_configuration, label_studio_tasks, table, workbook,
};

use super::folder::SheetFolder;
use crate::error::Result;

/// A program in which people annotate, and that takes a sheet and gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Program {
    /// Tasks to import and a labelling configuration; it gives back its JSON export
    LabelStudio,
    /// A dataset for rg.Dataset.from_disk; to_disk gives back records.json
    Argilla,
}

/// What was made.
pub(super) struct Made {
    /// In which forms each grader has a sheet.
    pub forms: Vec<&'static str>,
    /// Why there is no workbook, where there is none.
    pub no_workbook: Option<String>,
}

/// Writes what graders get.
pub(super) fn write(key: &Key, seal: &str, programs: &[Program], to: &SheetFolder) -> Result<Made> {
    let (mut forms, mut names) = (vec!["html", "csv"], vec!["CSV"]);
    for grader in &key.graders {
        to.put(&format!("{}.csv", grader.name), table(key, grader, seal))?;
        to.put(&format!("{}.html", grader.name), form(key, grader, seal))?;
    }
    let no_workbook = workbooks(key, seal, to)?;
    if no_workbook.is_none() {
        forms.push("xlsx");
        names.push("XLSX");
    }
    if programs.contains(&Program::LabelStudio) {
        forms.push("label-studio");
        names.push("Label Studio");
        to.put("label-studio.xml", label_studio_configuration())?;
        for grader in &key.graders {
            let tasks = label_studio_tasks(key, grader, seal)?;
            to.put(&format!("{}.label-studio.json", grader.name), tasks)?;
        }
    }
    if programs.contains(&Program::Argilla) {
        forms.push("argilla");
        names.push("Argilla");
        for grader in &key.graders {
            for (name, text) in argilla_dataset(key, grader, seal)? {
                to.put(&format!("{}.argilla/{name}", grader.name), text)?;
            }
        }
    }
    to.put("how-to-grade.txt", how_to_grade(seal, &names))?;
    Ok(Made { forms, no_workbook })
}

/// Writes every grader's workbook, or says why there are none.
fn workbooks(key: &Key, seal: &str, to: &SheetFolder) -> Result<Option<String>> {
    for grader in &key.graders {
        match workbook(key, grader, seal) {
            Ok(bytes) => to.put(&format!("{}.xlsx", grader.name), bytes)?,
            // A text that is too long for a cell is so in every grader's, so in the first already.
            Err(reason) => return Ok(Some(reason.to_string())),
        }
    }
    Ok(None)
}
