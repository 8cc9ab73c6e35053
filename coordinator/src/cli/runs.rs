//! `coordinator runs`: all runs of the consortium. Called by `cli`. Invariant: it only reads the state
//! folder.

use std::sync::Arc;

use serde::Serialize;

use super::{offline, output};
use crate::admin::report::failure_text;
use crate::error::Result;
use crate::round::state::RunState;
use crate::state_folder::StateFolder;

const MANUAL: &str = "\
List every run, oldest first: its id, phase, rounds published and name. Works
while `serve` runs and while it does not.

Example:
  coordinator runs --json | jq -r '.[].run'";

/// List all runs
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    run: String,
    name: String,
    phase: &'static str,
    rounds: u32,
    published: usize,
    failure: Option<String>,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let (_, runs) = offline::open_runs(folder)?;
    let row = |state: &Arc<RunState>| Row {
        run: state.launched.run.to_string(),
        name: state.launched.spec.name.clone(),
        phase: state.phase.word(),
        rounds: state.launched.spec.rounds,
        published: state.rounds.iter().filter(|record| record.published_at.is_some()).count(),
        failure: failure_text(&state.phase),
    };
    let rows: Vec<Row> = runs.all().iter().map(row).collect();
    if arguments.json {
        return output::print_json(&rows);
    }
    output::print_line(&format!("{:<18}{:<14}{:>8}  {}", "run", "phase", "rounds", "name"))?;
    for row in rows {
        let rounds = format!("{}/{}", row.published, row.rounds);
        output::print_line(&format!("{:<18}{:<14}{rounds:>8}  {}", row.run, row.phase, row.name))?;
    }
    Ok(())
}
