//! `coordinator stop`: end a run early. Called by `cli`. Invariant: a run is ended by `serve`, which
//! journals it.

use cli::confirm::{Question, Yes};
use serde_json::json;

use super::output;
use crate::admin::client::{self, Door};
use crate::admin::message::Command;
use crate::error::Result;

const MANUAL: &str = "\
End a run that is going. It counts as failed; the model of its last published
round stands and can be exported. Cannot be undone; `coordinator resume RUN`
goes on from that round, launching the run file again starts over. At a terminal
it asks first.

Examples:
  coordinator stop 5f0c
  coordinator stop 5f0c --yes";

/// End a run
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it
    run: String,
    #[command(flatten)]
    yes: Yes,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let report = client::status(door, Some(&arguments.run))?;
    arguments.yes.or_ask(&Question {
        text: &format!("run {} ends, and counts as failed", report.run),
        expected: "yes",
        needs_yes: false,
    })?;
    client::ask(door, &Command::Stop { run: report.run.clone() })?;
    let document = json!({ "run": report.run, "name": report.name });
    output::tell(arguments.json, &document, || eprintln!("stopped"))
}
