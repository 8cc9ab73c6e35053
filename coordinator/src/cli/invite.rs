//! `coordinator invite`: one line that lets one hospital join once. Called by `cli`. Invariant: the token is
//! printed and forgotten; the database keeps its hash.

use certs::{Invitation, JoinToken, random};
use cli::duration::milliseconds;
use common::clock::{Clock, SystemClock};
use common::id::SiteId;
use serde::Serialize;
use zeroize::Zeroizing;

use super::output;
use crate::admin::report::rfc3339;
use crate::error::{Error, Result};
use crate::limits::INVITATION_MS_MAX;
use crate::state_folder::config::Config;
use crate::state_folder::{StateFolder, authority};
use crate::store::{SiteStatus, Store};

const MANUAL: &str = "\
Print one line for one hospital: where to join, under which name, a one-time
token, and the fingerprint of the consortium's authority. Send it over a
channel you trust: whoever has it before the site does can join in its place.
It works once, until it expires; the database keeps only a hash of the token.
Works while `serve` runs and while it does not. The site's `site-agent join`
asks for it, or reads it from standard input or from a private file; it is never
an argument.

A new invitation withdraws the site's earlier one, if that was not used: do so
when somebody may have seen it. Sites renew their certificates by themselves. One
that was off for too long is invited again with --readmit and comes back with
`site-agent rejoin`; one whose machine was replaced joins into a new state
folder. Either way its older certificate counts no more, and what is known here
of its ledger begins anew.

Examples:
  coordinator invite cardiology --ttl 2h
  coordinator invite cardiology --readmit
  coordinator invite cardiology |
      ssh cardiology site-agent join --model DIR --data FILE";

/// Invite a hospital
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Its name: 1 to 32 of a-z, 0-9 and `-`
    site: String,
    /// How long the invitation works: a number with s, m, h or d
    #[arg(long, default_value = "24h", value_name = "DURATION", value_parser = ttl)]
    ttl: u64,
    /// Invite a site that has joined: its older certificate ends when it comes
    #[arg(long)]
    readmit: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints; the line is a secret, as it is without.
#[derive(Serialize)]
struct Invited<'a> {
    site: &'a SiteId,
    invitation: &'a str,
    expires: String,
    readmission: bool,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let site: SiteId = arguments.site.parse().map_err(|error: common::id::IdError| Error::Argument {
        message: error.to_string(),
        hint: "choose a short name such as cardiology or hospital-a".into(),
    })?;
    let config = Config::read(&folder.config())?;
    let pin = authority::pin(folder)?;
    let token = JoinToken::from_bytes(random::bytes()?);
    let invitation = Invitation::new(&config.join_address, arguments.site.as_str(), token.clone(), pin)?;
    let now = SystemClock.now();
    let store = Store::open(&folder.database())?;
    let is_member =
        store.sites()?.into_iter().any(|row| row.name == site && row.status == SiteStatus::Active);
    if is_member && !arguments.readmit {
        return Err(Error::Argument {
            message: format!("{site} has joined already"),
            hint: "to end its certificate and let it join again, add --readmit".into(),
        });
    }
    let expires = now.plus_ms(arguments.ttl);
    store.invite(&site, &token.hash(), expires, now)?;
    if arguments.json {
        let line = invitation.to_line();
        let invited =
            Invited { site: &site, invitation: &line, expires: rfc3339(expires), readmission: is_member };
        let text = serde_json::to_string_pretty(&invited).map(Zeroizing::new);
        output::print_line(&text.map_err(|error| Error::Internal(error.to_string()))?)?;
    } else {
        output::print_line(&invitation.to_line())?;
    }
    if is_member {
        eprintln!(
            "next, at {site}: site-agent rejoin, and paste the line when it asks; on a new machine, join"
        );
    } else {
        eprintln!(
            "next, at {site}: site-agent join --model DIR --data FILE, and paste the line when it asks"
        );
    }
    eprintln!(
        "the line is a secret until it is used: not in a command line, a ticket or a file that others can read"
    );
    Ok(())
}

/// How long an invitation may work.
fn ttl(text: &str) -> std::result::Result<u64, String> {
    let ms = milliseconds(text)?;
    if (1_000..=INVITATION_MS_MAX).contains(&ms) {
        Ok(ms)
    } else {
        Err("an invitation works for at least 1s and at most 30d".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_needs_a_unit_and_has_a_bound() {
        assert_eq!((ttl("24h"), ttl("1s"), ttl("30d")), (Ok(86_400_000), Ok(1_000), Ok(INVITATION_MS_MAX)));
        for bad in ["24", "0s", "31d", "99999999999999999999d"] {
            assert!(ttl(bad).is_err(), "{bad}");
        }
    }
}
