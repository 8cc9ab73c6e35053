//! `coordinator extend`: give the open round of a run more time. Called by `cli`. Invariant: a deadline is
//! moved by `serve`, which journals it.

use ::cli::duration;
use serde_json::json;

use super::output;
use crate::admin::client::{self, Door};
use crate::admin::message::{Answer, Command};
use crate::error::{Error, Result};

const MANUAL: &str = "\
Give the round of a run that is open more time, so that a hospital that is late
can still send its update: its deadline moves by so much, and where the quorum
is in, the end of its grace period as well. Sites need not be told: none of them
knows a deadline. A round that is complete closes at once all the same, and once
the quorum is in, nobody waits for sites that are out of reach. Again and again
is allowed, a week in all. The next round has the run file's deadline.

Examples:
  coordinator extend 5f0c --by 30m
  coordinator extend 5f0c --by 2h --context main";

/// Give the open round of a run more time
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it
    run: String,
    /// How much: 90s, 30m, 2h or 1d
    #[arg(long, value_name = "TIME", value_parser = duration::milliseconds)]
    by: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let run = client::status(door, Some(&arguments.run))?.run;
    let command = Command::Extend { run: run.clone(), by_ms: arguments.by };
    let Answer::Extended { round, closes } = client::ask(door, &command)? else {
        return Err(Error::Internal("the coordinator answered something else".into()));
    };
    let document = json!({ "run": run, "round": round, "by_ms": arguments.by, "closes": closes });
    output::tell(arguments.json, &document, || eprintln!("round {round} ends at {closes} at the latest"))
}
