//! `coordinator roster`: who takes part, each with its key, and the short code that members compare. Called
//! by `cli`. Invariant: of a run it shows what its sites were asked about, from the manifest that was signed.

use common::run::{Member, Roster};
use serde_json::json;

use super::{offline, output};
use crate::error::{Error, Result};
use crate::round::state::RunState;
use crate::state_folder::{StateFolder, blobs};
use crate::store::Store;

const MANUAL: &str = "\
Show who takes part in a run (the newest, or RUN by its id or the beginning of
it), each with the SHA-256 of its public key, and the roster's code: 30 digits
that depend on every name and key. Whoever holds the consortium's CA could
invent members. So the sites' officers read the code to each other, by
telephone or in a meeting, and agree to the run only if it is the same
(`site-agent roster` shows theirs). Before the first run: everybody who has
joined so far.

Example:
  coordinator roster";

/// Show who takes part, and the code to compare
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it [default: the newest run]
    run: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let (store, runs) = offline::open_runs(folder)?;
    let state = match &arguments.run {
        Some(run) => Some(runs.choose(Some(run))?),
        None => runs.all().into_iter().rfind(|state| state.launched.needs_approval),
    };
    let roster = match &state {
        Some(state) => of_run(folder, state)?,
        None => of_members(&store)?,
    };
    let run = state.map(|state| state.launched.run.to_string());
    if arguments.json {
        let code = roster.code();
        return output::print_json(&json!({ "run": run, "code": code, "members": roster.members }));
    }
    match &run {
        Some(run) => output::print_line(&format!("run {run}"))?,
        None => output::print_line("everybody who has joined so far; no run has a roster yet")?,
    }
    output::print_line(&format!("code  {}\n", roster.code()))?;
    let mut lines = roster.members.iter().map(|member| format!("{:<14} {}", member.name, member.key));
    lines.try_for_each(|line| output::print_line(&line))
}

fn of_run(folder: &StateFolder, state: &RunState) -> Result<Roster> {
    let run = state.launched.run;
    if !state.launched.needs_approval {
        return Err(Error::Argument {
            message: format!("run {run} is of a version whose manifests had no keys"),
            hint: "name a newer run; `coordinator runs` lists them".into(),
        });
    }
    Ok(blobs::manifest(folder, state.launched.manifest)?.roster)
}

fn of_members(store: &Store) -> Result<Roster> {
    let members = store.keys()?.into_iter().map(|(name, key)| Member { name, key });
    Ok(Roster { members: members.collect() })
}
