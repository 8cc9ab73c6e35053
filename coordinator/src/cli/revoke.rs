//! `coordinator revoke`: shut a site out. Called by `cli`. Invariant: it works with and without a running
//! `serve`.

use cli::confirm::{Question, Yes};
use common::clock::{Clock, SystemClock};
use serde_json::json;

use super::output;
use crate::admin::message::Command;
use crate::admin::{client, sites};
use crate::error::{Error, Result};
use crate::state_folder::StateFolder;
use crate::store::Store;

const MANUAL: &str = "\
Shut a site out at once: its certificates count no more, its live connections
are closed, an update of its that waits for a round to close is taken out, and
its unfinished uploads are deleted. What was already averaged stays averaged.
Cannot be undone; invite the hospital under a new name if it comes back. Works
while `serve` runs and while it does not. At a terminal it asks first.

Examples:
  coordinator revoke cardiology
  coordinator revoke cardiology --yes";

/// Shut a site out
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Its name
    site: String,
    #[command(flatten)]
    yes: Yes,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    arguments.yes.or_ask(&Question {
        text: &format!("{} is shut out for good", arguments.site),
        expected: &arguments.site,
        needs_yes: false,
    })?;
    match client::ask(folder, &Command::Revoke { site: arguments.site.clone() }) {
        Ok(_) => {}
        Err(Error::NotRunning(_)) => {
            let site = sites::site_id(&arguments.site)?;
            sites::revoke_in(folder, &Store::open(&folder.database())?, &site, SystemClock.now())?;
        }
        Err(error) => return Err(error),
    }
    let document = json!({ "site": arguments.site, "status": "revoked" });
    output::tell(arguments.json, &document, || eprintln!("revoked {}", arguments.site))
}
