//! `site-agent prune`: removes what this site does not need any more. Run by `cli`. Invariant: only updates
//! as trained, checkpoints of rounds that are over, and escrowed days beyond `keep_days` go; keys, ledger,
//! database, receipts and data are never touched.

use std::fs;
use std::io;

use cli::confirm::{Question, Yes};
use common::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::support::{State, print_json};
use crate::config::AgentConfig;
use crate::config::escrow::EscrowConfig;
use crate::error::SiteError;
use crate::gateway::escrow::days::{self as escrow, Day};
use crate::worker::retention::{self, Surplus};

const EXAMPLES: &str = "\
Examples:
  site-agent prune --dry-run
  site-agent prune
  site-agent clean      # the same

At a terminal it asks first. The agent does the same by itself before each round. The ledger, the \
receipts and the manifests of runs always stay.";

/// Remove updates as trained and checkpoints of earlier rounds, and escrowed frames beyond their days.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: State,
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    yes: Yes,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    let mut surplus = retention::surplus(&folder, None);
    let has_config = folder.config().exists();
    let config = has_config.then(|| AgentConfig::load(&folder.config())).transpose()?;
    if let Some(EscrowConfig { keep_days, .. }) = config.and_then(|config| config.escrow) {
        let days = escrow::days(&folder.escrow()).map_err(SiteError::at(&folder.escrow()))?;
        let gone = escrow::overdue(&days, keep_days, SystemClock.now().0);
        surplus.extend(gone.into_iter().map(|Day { path, bytes, .. }| Surplus { path, bytes }));
    }
    if !arguments.dry_run && !surplus.is_empty() {
        arguments.yes.or_ask(&Question {
            text: &format!("{} files are removed (--dry-run names them)", surplus.len()),
            expected: "yes",
            needs_yes: false,
        })?;
        for file in &surplus {
            match fs::remove_file(&file.path) {
                // The agent does the same at this moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(SiteError::at(&file.path))?,
            }
        }
    }
    let bytes: u64 = surplus.iter().map(|file| file.bytes).sum();
    if arguments.json {
        let files: Vec<_> =
            surplus.iter().map(|file| json!({ "path": file.path, "bytes": file.bytes })).collect();
        return print_json(&json!({ "dry_run": arguments.dry_run, "files": files, "bytes": bytes }));
    }
    if arguments.dry_run {
        for file in &surplus {
            println!("{:>14}  {}", file.bytes, file.path.display());
        }
    }
    let done = if arguments.dry_run { "would be removed" } else { "removed" };
    println!("{} files, {bytes} bytes: {done}", surplus.len());
    Ok(())
}
