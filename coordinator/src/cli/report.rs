//! `coordinator report`: what is told of a run, for people who were not there. Called by `cli`. Invariants:
//! it only reads the state folder; it works with and without a running `serve`; a page appears whole.

use std::path::PathBuf;

use common::durable;
use common::language::Language;

use super::{offline, output};
use crate::admin::client::Door;
use crate::admin::message::{Answer, Command};
use crate::error::{Error, Result};
use crate::report::{html, table};

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

First stands what got better, what got worse and what cannot be told apart: the
test loss, departments, the suites of `[evaluation] suites` when all of them are
done, and with `forgetting = true` general knowledge.

Of a run in which each site trained alone (`train = \"alone\"` in its run file),
and of the run that it names in `compare_with`, base model, each site alone and
all together are shown side by side, on the same questions.

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

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let command = Command::Report { run: arguments.run.clone(), without_samples: arguments.without_samples };
    let Answer::Report { report, note } = offline::books(door, &command)? else {
        return Err(offline::unexpected());
    };
    if let Some(note) = note {
        eprintln!("note: {note}");
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
