//! `coordinator operators`: people who command or read from another machine. Called by `cli`. Invariant: the
//! token of an invitation is printed and forgotten; the database keeps its hash.

use clap::Subcommand;
use cli::confirm::{Question, Yes};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::invite::{SECRET, print_secret, ttl};
use super::{offline, output};
use crate::admin::client::Door;
use crate::admin::holders::HolderFacts;
use crate::admin::message::{Answer, Command};
use crate::error::Result;

const MANUAL: &str = "\
People who work from another machine have a certificate with one of three roles.
An operator does what can be done on the coordinator's machine, but for what
needs its files. An auditor sees what an operator sees, and changes nothing; what
an auditor tries is refused and written down. A witness reads heads, proofs and
rosters alone, and cosigns heads (`coordinator acts cosign`). Which command needs
which role stands in coordinator/OPERATORS.md. Each command is in the log of acts with
the name and the certificate.

An invitation works once, until it expires; `coordinator enrol` on the person's
machine takes it. A certificate holds for 90 days: then, or where the machine
was replaced, invite again under the same name; the older certificate ends when
the new one is taken. `revoke` ends it at once, a live `watch` included, and for
good: a name that was revoked is not given out again.

Examples:
  coordinator operators invite anna --role auditor
  coordinator operators invite hospital-b --role witness
  coordinator operators list
  coordinator operators revoke anna";

/// Invite, list and revoke operators, auditors and witnesses
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List them
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print one line that lets one person in, once
    Invite {
        /// The person's name: 1 to 32 of a-z, 0-9 and `-`
        name: String,
        /// `operator`, `auditor` or `witness`
        #[arg(long, value_name = "ROLE", value_parser = ["operator", "auditor", "witness"])]
        role: String,
        /// How long the invitation works: a number with s, m, h or d
        #[arg(long, default_value = "24h", value_name = "DURATION", value_parser = ttl)]
        ttl: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Shut one out at once, for good
    Revoke {
        /// The person's name
        name: String,
        #[command(flatten)]
        yes: Yes,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// What `--json` prints; the line is a secret, as it is without.
#[derive(Serialize)]
struct Invited<'a> {
    name: &'a str,
    role: &'a str,
    invitation: &'a str,
    expires: String,
    readmission: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    match &arguments.verb {
        Verb::List { json } => list(door, *json),
        Verb::Invite { name, role, ttl, json } => invite(door, name, role, *ttl, *json),
        Verb::Revoke { name, yes, json } => revoke(door, name, *yes, *json),
    }
}

fn list(door: &Door, as_json: bool) -> Result<()> {
    let Answer::Operators { operators } = offline::books(door, &Command::Operators)? else {
        return Err(offline::unexpected());
    };
    if as_json {
        return output::print_json(&operators);
    }
    output::print_line(&row(["name", "role", "status", "last seen", "certificate ends"]))?;
    operators.iter().try_for_each(
        |HolderFacts { name, role, status, last_seen, certificate_ends, .. }| {
            let seen = last_seen.as_deref().unwrap_or("-");
            output::print_line(&row([name, role, status, seen, certificate_ends.as_deref().unwrap_or("-")]))
        },
    )
}

fn row([name, role, status, seen, ends]: [&str; 5]) -> String {
    format!("{name:<17} {role:<9} {status:<9} {seen:<21} {ends}")
}

fn invite(door: &Door, name: &str, role: &str, ttl_ms: u64, as_json: bool) -> Result<()> {
    let command = Command::InviteOperator { name: name.to_owned(), role: role.to_owned(), ttl_ms };
    let Answer::Invited { invitation, expires, readmission } = offline::books(door, &command)? else {
        return Err(offline::unexpected());
    };
    let line = Zeroizing::new(invitation);
    if as_json {
        print_secret(&Invited { name, role, invitation: &line, expires, readmission })?;
    } else {
        output::print_line(&line)?;
    }
    eprintln!("next, on {name}'s machine: coordinator enrol, and paste the line when it asks");
    eprintln!("{SECRET}");
    Ok(())
}

fn revoke(door: &Door, name: &str, yes: Yes, as_json: bool) -> Result<()> {
    yes.or_ask(&Question {
        text: &format!("{name} is shut out for good"),
        expected: name,
        needs_yes: false,
    })?;
    offline::serve_or_books(door, &Command::RevokeOperator { name: name.to_owned() })?;
    let document = json!({ "name": name, "status": "revoked" });
    output::tell(as_json, &document, || eprintln!("revoked {name}"))
}
