//! `coordinator review report`: what graders' grades say, as text, page or JSON. Called by `review`.
//! Invariant: every grade that is shown passed the same checks as when it was imported, with the key of
//! today.

use std::path::{Path, PathBuf};

use common::durable;
use common::language::Language;
use evaluation::limits::QUESTIONNAIRE_BYTES_MAX;
use evaluation::review::report::{Evidence, report};
use evaluation::review::{Counts, Questionnaire};

use super::folder::{self, Review};
use crate::cli::evaluate::absolute;
use crate::cli::output;
use crate::error::{Error, Result};

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
    let review = Review::open(&arguments.folder)?;
    let given = review.given()?;
    let questionnaire = match &arguments.questionnaire {
        None => None,
        Some(path) => Some(Questionnaire::read(path, &table(path)?)?),
    };
    let utility = match &arguments.utility {
        None => None,
        Some(path) => Some(Counts::read(path, &table(path)?)?),
    };
    let found = report(&Evidence {
        key: &review.key,
        seal: &review.seal,
        given: &given,
        questionnaire: questionnaire.as_ref(),
        utility: utility.as_ref(),
        seed: arguments.seed,
    });
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

fn table(path: &Path) -> Result<Vec<u8>> {
    folder::file(path, QUESTIONNAIRE_BYTES_MAX, "name a table of at most 100,000 lines")
}
