//! `site-agent prune`: removes what this site does not need any more. Run by `cli`. Invariant: what it
//! removes is what the rule in `[retention]` does not keep; keys, ledger, database, receipts and data are
//! never touched.

use std::fs;

use serde_json::json;

use super::support::{State, print_json};
use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::worker::retention;

const EXAMPLES: &str = "\
Examples:
  site-agent prune --dry-run
  site-agent prune

The agent does the same by itself before each round; the rule is [retention] in agent.toml. The ledger, the \
receipts and the manifests of runs always stay.";

/// Remove updates and checkpoints of earlier rounds that [retention] does not keep.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: State,
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    let config = AgentConfig::load(&folder.config())?;
    let surplus = retention::surplus(&folder, &config.retention, None);
    if !arguments.dry_run {
        for file in &surplus {
            fs::remove_file(&file.path).map_err(SiteError::at(&file.path))?;
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
