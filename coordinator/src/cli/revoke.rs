//! `coordinator revoke`: shut a site out. Called by `cli`. Invariant: it works with and without a running
//! `serve`.

use cli::confirm::{Question, Yes};
use serde_json::json;

use super::{offline, output};
use crate::admin::client::Door;
use crate::admin::message::Command;
use crate::error::Result;

const MANUAL: &str = "\
Shut a site out at once: its certificates count no more, its live connections
are closed, an update of its that waits for a round to close is taken out, and
its unfinished uploads are deleted. What was already averaged stays averaged.
Its certificates are put on the list that other sites go by (`coordinator crl
show`). Cannot be undone; invite the hospital under a new name if it comes back.
Works while `serve` runs and while it does not. At a terminal it asks first.

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

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    arguments.yes.or_ask(&Question {
        text: &format!("{} is shut out for good", arguments.site),
        expected: &arguments.site,
        needs_yes: false,
    })?;
    offline::serve_or_books(door, &Command::Revoke { site: arguments.site.clone() })?;
    let document = json!({ "site": arguments.site, "status": "revoked" });
    output::tell(arguments.json, &document, || eprintln!("revoked {}", arguments.site))
}
