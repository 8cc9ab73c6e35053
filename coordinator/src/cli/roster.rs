//! `coordinator roster`: who takes part, each with its key, and the short code that members compare. Called
//! by `cli`. Invariant: of a run it shows what its sites were asked about, from the manifest that was signed.

use super::{offline, output};
use crate::admin::client::Door;
use crate::admin::message::{Answer, Command};
use crate::error::Result;

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

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let command = Command::Roster { run: arguments.run.clone() };
    let Answer::Roster { roster } = offline::books(door, &command)? else {
        return Err(offline::unexpected());
    };
    if arguments.json {
        return output::print_json(&roster);
    }
    match &roster.run {
        Some(run) => output::print_line(&format!("run {run}"))?,
        None => output::print_line("everybody who has joined so far; no run has a roster yet")?,
    }
    output::print_line(&format!("code  {}\n", roster.code))?;
    let mut lines = roster.members.iter().map(|member| format!("{:<14} {}", member.name, member.key));
    lines.try_for_each(|line| output::print_line(&line))
}
