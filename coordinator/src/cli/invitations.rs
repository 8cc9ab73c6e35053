//! `coordinator invitations`: which invitations are open, and how one is taken back. Called by `cli`.
//! Invariant: no token is shown; the database does not know it.

use clap::Subcommand;
use cli::confirm::{Question, Yes};
use common::clock::{Clock, SystemClock, Timestamp};
use common::id::SiteId;
use serde::Serialize;
use serde_json::json;

use super::output;
use crate::admin::report::rfc3339;
use crate::error::{Error, Result};
use crate::state_folder::StateFolder;
use crate::store::{InvitationRow, Store};

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

#[derive(Serialize)]
struct Row {
    site: String,
    state: &'static str,
    made: String,
    expires: String,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let store = Store::open(&folder.database())?;
    match &arguments.verb {
        Verb::List { json } => list(&store, *json),
        Verb::Withdraw { site, yes, json } => withdraw(&store, site, *yes, *json),
    }
}

fn list(store: &Store, json: bool) -> Result<()> {
    let now = SystemClock.now();
    let rows =
        store.invitations()?.iter().map(|invitation| row(invitation, now)).collect::<Result<Vec<_>>>()?;
    if json {
        return output::print_json(&rows);
    }
    output::print_line(&format!("{:<33}{:<9}{:<22}{}", "site", "state", "made", "expires"))?;
    for Row { site, state, made, expires } in rows {
        output::print_line(&format!("{site:<33}{state:<9}{made:<22}{expires}"))?;
    }
    Ok(())
}

fn row(invitation: &InvitationRow, now: Timestamp) -> Result<Row> {
    Ok(Row {
        site: invitation.site.to_string(),
        state: state(invitation, now),
        made: rfc3339(invitation.made_at),
        expires: rfc3339(invitation.expires_at),
    })
}

fn state(invitation: &InvitationRow, now: Timestamp) -> &'static str {
    match invitation {
        InvitationRow { is_used: true, .. } => "used",
        InvitationRow { expires_at, .. } if now >= *expires_at => "expired",
        InvitationRow { .. } => "open",
    }
}

fn withdraw(store: &Store, name: &str, yes: Yes, as_json: bool) -> Result<()> {
    let unknown = |_| Error::UnknownSite(name.chars().take(64).collect());
    let site: SiteId = name.parse().map_err(unknown)?;
    yes.or_ask(&Question {
        text: &format!("nobody can join as {site} with an invitation that was sent already"),
        expected: "yes",
        needs_yes: false,
    })?;
    match store.withdraw(&site)? {
        0 => Err(Error::Argument {
            message: format!("{site} has no invitation that could be withdrawn"),
            hint: "`coordinator invitations list` shows them; a site that has joined is shut out with \
                   `coordinator revoke`"
                .into(),
        }),
        count => {
            let invitations = if count == 1 { "invitation" } else { "invitations" };
            output::tell(as_json, &json!({ "site": site, "withdrawn": count }), || {
                eprintln!("withdrew {count} {invitations} of {site}");
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_open_until_it_is_used_or_expires() {
        let invitation = |is_used| InvitationRow {
            site: "a".parse().unwrap(),
            made_at: Timestamp(1_000),
            expires_at: Timestamp(5_000),
            is_used,
        };
        assert_eq!(state(&invitation(false), Timestamp(4_999)), "open");
        assert_eq!(state(&invitation(false), Timestamp(5_000)), "expired");
        assert_eq!(state(&invitation(true), Timestamp(9_000)), "used");
        assert_eq!(rfc3339(Timestamp(1_000)), "1970-01-01T00:00:01Z");
    }
}
