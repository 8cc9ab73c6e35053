//! `coordinator report`: what is told of a run, for people who were not there. Called by `cli`. Invariants:
//! it only reads the state folder; it works with and without a running `serve`; a page appears whole.

use std::path::PathBuf;

use common::clock::{Clock, SystemClock};
use common::durable;
use common::language::Language;

use super::{offline, output};
use crate::error::{Error, Result};
use crate::evaluate::details::Details;
use crate::report::{self, collect, html, table};
use crate::state_folder::StateFolder;

const MANUAL: &str = "\
Show the report of a run that goes, is over or failed: what came out, on how
many test questions and how sure that is, what left each site, and where the
model comes from (dates, versions, fingerprints, every setting).

  (neither)     a table of at most 80 columns, without colour
  --html FILE   a page for physicians and committees: one file without script or
                anything from outside, for screen and paper
  --json        everything, for programs; a number not measured is null

Where the records of the test file name a department or a disease, the result
is shown by department, too. After the last round, base and final model answer a
few questions of the test file, or of the validation file where there is no test
file (`[evaluation] sample_questions` in the run file, 3 unless it says
otherwise). The report shows them: it then holds text of the held-out set.
--without-samples leaves them out of what you pass on.

The interval is of the paired differences of the test questions. A run of a
version that did not keep them has none, nor has one with fewer than 30
questions.

Example:
  coordinator report 5f0c --html report.html --language zh";

/// Show or write the report of a run
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it [default: the newest run]
    run: Option<String>,
    /// Write a page to this file, replacing it
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    /// Leave the sample questions out: no text of the held-out set
    #[arg(long)]
    without_samples: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Language of table and page: `zh` or `en`. The locale decides where this is not given.
    #[arg(long, value_name = "LANGUAGE", alias = "lang")]
    language: Option<Language>,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let (store, runs) = offline::open_runs(folder)?;
    let state = runs.choose(arguments.run.as_deref())?;
    let details = Details::read(&folder.details(state.launched.run)).unwrap_or_else(|error| {
        eprintln!("note: without departments and sample questions: {error}");
        None
    });
    let mut report: report::Report = collect::report(&store, &runs, &state, details, SystemClock.now())?;
    if arguments.without_samples {
        report.samples = None;
    }
    if arguments.json {
        return output::print_json(&report);
    }
    let language = Language::chosen(arguments.language);
    let Some(path) = &arguments.html else {
        return output::print_line(table::render(&report, language).trim_end());
    };
    let page = html::render(&report, language);
    durable::write(path, page.as_bytes(), durable::ORDINARY).map_err(Error::io("write", path))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}
