//! `coordinator watch`: progress of a run until it is over. Called by `cli`. Invariant: it only looks.

use super::{follow, output};
use crate::admin::client::{self, Door};
use crate::admin::report::RunReport;
use crate::error::{Error, Result};

const MANUAL: &str = "\
Show the progress of a run (the newest, or RUN by its id or the beginning of
it) until it is over, then its table: a bar per site on a terminal, plain lines
elsewhere. Goes on over a restart of `serve`. With --json, a line of JSON after
every change. Ctrl-C stops watching, not the run.

Examples:
  coordinator watch
  coordinator watch 5f0c --json | jq -r .phase";

/// Show the progress of a run
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it [default: the newest run]
    run: Option<String>,
    /// Print a line of JSON after every change
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let run = client::status(door, arguments.run.as_deref())?.run;
    if !arguments.json {
        return follow::to_the_end(door, &run).map(|_| ());
    }
    let show = |report: &RunReport| {
        let line = serde_json::to_string(report).map_err(|error| Error::Internal(error.to_string()))?;
        output::print_line(&line)?;
        output::finish()
    };
    follow::survive(door, &run, show, |gone| eprintln!("{gone}")).map(|_| ())
}
