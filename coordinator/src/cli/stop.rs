//! `coordinator stop`: end a run early. Called by `cli`. Invariant: a run is ended by `serve`, which
//! journals it.

use cli::confirm::{Question, Yes};
use serde_json::json;

use super::output;
use crate::admin::client::{self, Door};
use crate::admin::message::{Answer, Command};
use crate::error::Result;

const MANUAL: &str = "\
End a run that is going. It counts as failed; the model of its last published
round stands and can be exported. Cannot be undone; `coordinator resume RUN`
goes on from that round, launching the run file again starts over. At a terminal
it asks first.

At once, what the sites have trained of the open round is lost. With
--after-round the round is finished and published first, so that a pause (of the
night, of the network) loses nothing: stop, and resume later.

Examples:
  coordinator stop 5f0c
  coordinator stop 5f0c --after-round --yes";

/// End a run
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it
    run: String,
    /// Finish the round that is open, then end
    #[arg(long)]
    after_round: bool,
    #[command(flatten)]
    yes: Yes,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let report = client::status(door, Some(&arguments.run))?;
    let when = if arguments.after_round { "after the open round" } else { "now" };
    arguments.yes.or_ask(&Question {
        text: &format!("run {} ends {when}, and counts as failed", report.run),
        expected: "yes",
        needs_yes: false,
    })?;
    let command = Command::Stop { run: report.run.clone(), after_round: arguments.after_round };
    let answer = client::ask(door, &command)?;
    let mut document = json!({ "run": report.run, "name": report.name });
    let told = match answer {
        Answer::StopsAfter { round } => {
            document["after_round"] = json!(round);
            format!("it ends after round {round}; `coordinator resume {}` goes on from there", report.run)
        }
        _ => "stopped".to_owned(),
    };
    output::tell(arguments.json, &document, || eprintln!("{told}"))
}
