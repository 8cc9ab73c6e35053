//! The files that graders get, in every form of a sheet. Called by `new`. Invariant: all forms of a grader's
//! sheet have the same answers in the same order, and each of them is enough.

use evaluation::review::{
    Key, ReviewError, argilla_dataset, form, instructions, label_studio_configuration, label_studio_tasks,
    table, workbook,
};

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
pub(super) struct Sheets {
    /// Names below the folder of sheets, and what is in them.
    pub files: Vec<(String, Vec<u8>)>,
    /// In which forms each grader has a sheet.
    pub forms: Vec<&'static str>,
    /// Why there is no workbook, where there is none.
    pub no_workbook: Option<String>,
}

/// What graders get, by name.
pub(super) fn sheets(key: &Key, seal: &str, programs: &[Program]) -> Result<Sheets> {
    let mut files = vec![("how-to-grade.txt".to_owned(), instructions(seal).into_bytes())];
    let mut forms = vec!["html", "csv"];
    for grader in &key.graders {
        files.push((format!("{}.csv", grader.name), table(key, grader, seal).into_bytes()));
        files.push((format!("{}.html", grader.name), form(key, grader, seal).into_bytes()));
    }
    let workbooks = key
        .graders
        .iter()
        .map(|grader| Ok::<_, ReviewError>((format!("{}.xlsx", grader.name), workbook(key, grader, seal)?)));
    // A text that is too long for a cell is so in every grader's.
    let no_workbook = match workbooks.collect::<std::result::Result<Vec<_>, _>>() {
        Ok(all) => {
            files.extend(all);
            forms.push("xlsx");
            None
        }
        Err(reason) => Some(reason.to_string()),
    };
    if programs.contains(&Program::LabelStudio) {
        forms.push("label-studio");
        files.push(("label-studio.xml".to_owned(), label_studio_configuration().into_bytes()));
        for grader in &key.graders {
            let tasks = label_studio_tasks(key, grader, seal)?;
            files.push((format!("{}.label-studio.json", grader.name), tasks.into_bytes()));
        }
    }
    if programs.contains(&Program::Argilla) {
        forms.push("argilla");
        for grader in &key.graders {
            for (name, text) in argilla_dataset(key, grader, seal)? {
                files.push((format!("{}.argilla/{name}", grader.name), text.into_bytes()));
            }
        }
    }
    Ok(Sheets { files, forms, no_workbook })
}
