//! `coordinator review report`: what graders' grades say, as text, page or JSON. Called by `review`.
//! Invariant: every grade that is shown passed the same checks as when it was imported, with the key of
//! today.

use std::path::{Path, PathBuf};

use common::durable;
use common::id::Digest;
use common::language::Language;
use evaluation::limits::QUESTIONNAIRE_BYTES_MAX;
use evaluation::review::report::{Evidence, report};
use evaluation::review::{Counts, Questionnaire};

use super::folder::{self, Review};
use crate::cli::evaluate::absolute;
use crate::cli::output;
use crate::error::{Error, Result};
use crate::export::release::evaluation::Graded;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder of the review
    folder: PathBuf,
    /// What patients said: a table (CSV) of person, model (`base` or `tuned`), friendliness (1 to 5)
    #[arg(long, value_name = "FILE")]
    questionnaire: Option<PathBuf>,
    /// What was counted in use: a table (CSV) of model, asked, solved
    #[arg(long, value_name = "FILE")]
    utility: Option<PathBuf>,
    /// Write the report to this file, replacing it
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Language: `zh` or `en`. The locale decides where this is not given
    #[arg(long, value_name = "LANGUAGE", alias = "lang")]
    language: Option<Language>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let tables = [arguments.questionnaire.as_deref(), arguments.utility.as_deref()];
    let found = graded(&arguments.folder, tables, arguments.seed)?.review;
    let language = Language::chosen(arguments.language);
    if arguments.json {
        output::print_json(&found)?;
    } else {
        output::print_line(cli::review::terminal(&found, language).trim_end())?;
    }
    if let Some(path) = &arguments.html {
        let path = absolute(path)?;
        let page = cli::review::page(&found, language);
        // Comments of graders may repeat what a patient wrote.
        durable::write(&path, page.as_bytes(), durable::PRIVATE).map_err(Error::io("write", &path))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

/// What the grades in a folder say, with the questionnaire and the counts of use where there are such.
pub(in crate::cli) fn graded(folder: &Path, tables: [Option<&Path>; 2], seed: u64) -> Result<Graded> {
    let review = Review::open(folder)?;
    let given = review.given()?;
    let [patients, used] = tables;
    let bytes =
        |path: Option<&Path>| path.map(|path| Ok::<_, Error>((path.to_owned(), table(path)?))).transpose();
    let (patients, used) = (bytes(patients)?, bytes(used)?);
    let digest = |file: &Option<(PathBuf, Vec<u8>)>| file.as_ref().map(|(_, bytes)| Digest::of(bytes));
    let questionnaire =
        patients.as_ref().map(|(path, bytes)| Questionnaire::read(path, bytes)).transpose()?;
    let utility = used.as_ref().map(|(path, bytes)| Counts::read(path, bytes)).transpose()?;
    let review = report(&Evidence {
        key: &review.key,
        seal: &review.seal,
        given: &given,
        questionnaire: questionnaire.as_ref(),
        utility: utility.as_ref(),
        seed,
    });
    Ok(Graded { review, questionnaire: digest(&patients), utility: digest(&used) })
}

fn table(path: &Path) -> Result<Vec<u8>> {
    folder::file(path, QUESTIONNAIRE_BYTES_MAX, "name a table of at most 100,000 lines")
}
