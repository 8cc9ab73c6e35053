//! `coordinator sites`: all hospitals of the consortium. Called by `cli`. Invariant: it only reads the
//! database.

use serde::Serialize;

use super::output;
use crate::error::Result;
use crate::state_folder::StateFolder;
use crate::store::Store;

const MANUAL: &str = "\
List every site: whether it is invited, active or revoked, and how many frames
and bytes it ever sent (its own egress ledger must say the same). Works while
`serve` runs and while it does not.

Example:
  coordinator sites --json";

/// List all sites
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    site: String,
    status: &'static str,
    joined_ms: Option<u64>,
    frames: u64,
    bytes: u64,
    running_hash: Option<String>,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let store = Store::open(&folder.database())?;
    let mut rows = Vec::new();
    for site in store.sites()? {
        let totals = store.frame_totals(&site.name)?;
        rows.push(Row {
            site: site.name.to_string(),
            status: site.status.word(),
            joined_ms: site.joined_at.map(|at| at.0),
            frames: totals.map_or(0, |totals| totals.frames),
            bytes: totals.map_or(0, |totals| totals.bytes),
            running_hash: totals.map(|totals| totals.running_hash.to_string()),
        });
    }
    if arguments.json {
        return output::print_json(&rows);
    }
    output::print_line(&format!("{:<33}{:<10}{:>10}{:>16}", "site", "status", "frames", "bytes"))?;
    for row in rows {
        output::print_line(&format!(
            "{:<33}{:<10}{:>10}{:>16}",
            row.site, row.status, row.frames, row.bytes
        ))?;
    }
    Ok(())
}
