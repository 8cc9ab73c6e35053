//! `coordinator review import`: takes what graders give back. Called by `review`. Invariants: all files are
//! read and checked before the first one is kept; a grader's grades are replaced only with `--replace`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use evaluation::review::{Given, Grade};
use serde_json::json;

use super::folder::Review;
use crate::cli::output;
use crate::error::{Error, Result};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder of the review
    folder: PathBuf,
    /// Files that the form saved, tables (XLSX, or CSV in UTF-8), Label Studio's exports as JSON, or
    /// records.json of Argilla's to_disk; which of them a file is, its bytes say
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Replace what the same grader gave before
    #[arg(long)]
    replace: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let review = Review::open(&arguments.folder)?;
    let mut all: BTreeMap<usize, Given> = BTreeMap::new();
    for path in &arguments.files {
        let given = review.read(path)?;
        let name = &review.key.graders[given.grader].name;
        if !given.grades.iter().any(Grade::has_grade) {
            return Err(Error::Argument {
                message: format!("{} has no grade", path.display()),
                hint: "the form saves grades with its own button; a table is saved after it was filled in; in Label \
                       Studio and Argilla only what was submitted counts"
                    .into(),
            });
        }
        if all.contains_key(&given.grader) {
            return Err(Error::Argument {
                message: format!("{} is the second file of {name}", path.display()),
                hint: "name the one that counts; all forms of one grader are the same sheet".into(),
            });
        }
        if review.has(given.grader) && !arguments.replace {
            return Err(Error::Argument {
                message: format!("{name} gave grades before, and {} would replace them", path.display()),
                hint: "nothing was changed; with --replace the new file counts".into(),
            });
        }
        all.insert(given.grader, given);
    }
    for given in all.values() {
        review.keep(given)?;
    }
    let rows: Vec<(&str, usize, usize)> = all
        .values()
        .map(|given| {
            let grader = &review.key.graders[given.grader];
            let graded = given.grades.iter().filter(|one| one.has_grade()).count();
            (grader.name.as_str(), graded, 2 * grader.places.len())
        })
        .collect();
    let document = json!({
        "seal": review.seal,
        "imported": rows.iter().map(|(name, graded, of)| json!({ "grader": name, "graded": graded, "of": of }))
            .collect::<Vec<_>>(),
    });
    output::tell(arguments.json, &document, || {
        for (name, graded, of) in &rows {
            eprintln!("{name}: {graded} of {of} answers have a grade");
        }
    })
}
