//! `coordinator prune`: removes what no run needs any more. Called by `cli`. Invariant: what it removes is
//! what the rule in `[retention]` does not keep; keys, database and journal are never touched.

use std::time::Duration;

use cli::confirm::{Question, Yes};
use common::clock::{Clock, SystemClock};
use serde::Serialize;

use super::{offline, output};
use crate::admin::acts::{Act, Acts, Verb, Who, recorded};
use crate::error::{Error, Result};
use crate::execution::pruning;
use crate::limits::PRUNE_AGE_S_MIN;
use crate::restored;
use crate::state_folder::StateFolder;
use crate::state_folder::config::Config;

const MANUAL: &str = "\
Remove sites' updates and published adapters of earlier rounds that the rule
[retention] in coordinator.toml does not keep, and files that no run names and
that are a day old. `serve` does the same by itself. The manifest, the first,
the newest and the best adapter of every run stay, and so do keys, database and
journal. Beside a running `serve` nothing goes that was written within the hour.
At a terminal it asks first.

Example:
  coordinator prune --dry-run";

/// Remove files of earlier rounds that [retention] does not keep
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    yes: Yes,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Pruned {
    dry_run: bool,
    files: Vec<String>,
    bytes: u64,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let config = Config::read(&folder.config())?;
    // Held until the end: no `serve` starts meanwhile. One that runs may be writing.
    let (_lock, age_s) = match folder.lock() {
        Ok(lock) => (Some(lock), 0),
        Err(Error::AlreadyRunning(_)) => (None, PRUNE_AGE_S_MIN),
        Err(error) => return Err(error),
    };
    // An old or empty database knows nothing of files that a newer one names.
    drop(restored::open(folder, false)?);
    let (store, runs) = offline::open_runs(folder)?;
    if let Some(doubt) = restored::doubt(folder, &store)? {
        return Err(Error::Restored(doubt));
    }
    let found = pruning::find(folder, &runs.all(), config.retention.rule(), Duration::from_secs(age_s))?;
    if !arguments.dry_run && !found.is_empty() {
        arguments.yes.or_ask(&Question {
            text: &format!("{} files are removed (--dry-run names them)", found.len()),
            expected: "yes",
            needs_yes: false,
        })?;
        let (acts, act) = (Acts::open(folder)?, Act::of(Verb::Prune));
        recorded(&acts, &Who::here(), &act, SystemClock.now(), || pruning::remove(&found))?;
    }
    let pruned = Pruned {
        dry_run: arguments.dry_run,
        files: found.iter().map(|file| file.path.display().to_string()).collect(),
        bytes: found.iter().map(|file| file.bytes).sum(),
    };
    if arguments.json {
        return output::print_json(&pruned);
    }
    if arguments.dry_run {
        for file in &found {
            output::print_line(&format!("{:>14}  {}", file.bytes, file.path.display()))?;
        }
    }
    let done = if arguments.dry_run { "would be removed" } else { "removed" };
    output::print_line(&format!("{} files, {} bytes: {done}", pruned.files.len(), pruned.bytes))
}
