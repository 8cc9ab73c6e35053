//! `coordinator invitations`: which invitations are open, and how one is taken back. Called by `cli`.
//! Invariant: no token is shown; the database does not know it.

use clap::Subcommand;
use cli::confirm::{Question, Yes};
use common::id::SiteId;
use serde_json::json;

use super::{offline, output};
use crate::admin::client::Door;
use crate::admin::listed::InvitationFacts;
use crate::admin::message::{Answer, Command};
use crate::error::{Error, Result};

const MANUAL: &str = "\
List the invitations that were made, or withdraw those of one site that were not
used yet. An invitation is open until it is used, expires, is withdrawn, or
another one is made for the same site. A line that may have been seen by
somebody else is withdrawn here; a site that has joined with it already is shut
out with `coordinator revoke`. `withdraw` asks first at a terminal. Works while
`serve` runs and while it does not.

Examples:
  coordinator invitations list
  coordinator invitations list --json
  coordinator invitations withdraw cardiology";

/// List and withdraw invitations
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List all invitations: site, state, when made, when they end
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Withdraw the open invitations of a site
    Withdraw {
        /// The site's name
        site: String,
        #[command(flatten)]
        yes: Yes,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    match &arguments.verb {
        Verb::List { json } => list(door, *json),
        Verb::Withdraw { site, yes, json } => withdraw(door, site, *yes, *json),
    }
}

fn list(door: &Door, json: bool) -> Result<()> {
    let Answer::Invitations { invitations } = offline::books(door, &Command::Invitations)? else {
        return Err(offline::unexpected());
    };
    if json {
        return output::print_json(&invitations);
    }
    output::print_line(&format!("{:<33}{:<9}{:<22}{}", "site", "state", "made", "expires"))?;
    for InvitationFacts { site, state, made, expires } in invitations {
        output::print_line(&format!("{site:<33}{state:<9}{made:<22}{expires}"))?;
    }
    Ok(())
}

fn withdraw(door: &Door, name: &str, yes: Yes, as_json: bool) -> Result<()> {
    let unknown = |_| Error::UnknownSite(name.chars().take(64).collect());
    let site: SiteId = name.parse().map_err(unknown)?;
    yes.or_ask(&Question {
        text: &format!("nobody can join as {site} with an invitation that was sent already"),
        expected: "yes",
        needs_yes: false,
    })?;
    let command = Command::Withdraw { site: site.to_string() };
    let Answer::Withdrawn { count } = offline::books(door, &command)? else {
        return Err(offline::unexpected());
    };
    let invitations = if count == 1 { "invitation" } else { "invitations" };
    output::tell(as_json, &json!({ "site": site, "withdrawn": count }), || {
        eprintln!("withdrew {count} {invitations} of {site}");
    })
}
