//! `coordinator invite`: one line that lets one hospital join once. Called by `cli`. Invariant: the token is
//! printed and forgotten; the database keeps its hash.

use cli::duration::milliseconds;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{offline, output};
use crate::admin::client::Door;
use crate::admin::message::{Answer, Command};
use crate::error::{Error, Result};
use crate::limits::INVITATION_MS_MAX;

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
    site: &'a str,
    invitation: &'a str,
    expires: String,
    readmission: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let site = &arguments.site;
    let command = Command::Invite { site: site.clone(), ttl_ms: arguments.ttl, readmit: arguments.readmit };
    let Answer::Invited { invitation, expires, readmission } = offline::books(door, &command)? else {
        return Err(offline::unexpected());
    };
    let line = Zeroizing::new(invitation);
    if arguments.json {
        print_secret(&Invited { site, invitation: &line, expires, readmission })?;
    } else {
        output::print_line(&line)?;
    }
    if readmission {
        eprintln!(
            "next, at {site}: site-agent rejoin, and paste the line when it asks; on a new machine, join"
        );
    } else {
        eprintln!(
            "next, at {site}: site-agent join --model DIR --data FILE, and paste the line when it asks"
        );
    }
    eprintln!("{SECRET}");
    Ok(())
}

/// What is said under each invitation.
pub(super) const SECRET: &str =
    "the line is a secret until it is used: not in a command line, a ticket or a file that others can read";

/// A document with an invitation in it.
pub(super) fn print_secret(document: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(document).map(Zeroizing::new);
    output::print_line(&text.map_err(|error| Error::Internal(error.to_string()))?)
}

/// How long an invitation may work.
pub(super) fn ttl(text: &str) -> std::result::Result<u64, String> {
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
