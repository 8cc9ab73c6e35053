//! `coordinator sites`: all hospitals of the consortium, who takes part for now, and the answer to a ledger
//! that does not fit. Called by `cli`. Invariant: listing works with and without a running `serve`.

use clap::Subcommand;
use common::clock::{Clock, SystemClock};
use serde_json::json;

use super::{offline, output, sites_table};
use crate::admin::client::Door;
use crate::admin::consortium::{Head, SiteFacts};
use crate::admin::membership::site_id;
use crate::admin::message::{Answer, Command, SiteChange};
use crate::error::{Error, Result};

const MANUAL: &str = "\
List every site: whether it is connected or when it was last heard of, until
when its certificate holds, the version of its site agent, in how many closed
rounds of its newest run it counts and why not in the last one in which it did
not, and what needs attention: a certificate that was not renewed in time, a clock
that is wrong, a disk that is nearly full. Works while `serve` runs and while
it does not; who is connected is known only to a running `serve`.

With --json also what arrived of the site since it joined or its ledger was
accepted anew, in frames and bytes. Its own ledger counts the same ones as
\"sent in runs\" (`site-agent status`), and those that were lost on the way; the
request to join and notes of data are in neither.

A site announces the size and root of its ledger at every connection, and
proves that it extends what it announced before. Where it does not, the site
gets no answer until it is accepted here.

Examples:
  coordinator sites --json
  coordinator sites pause cardiology
  coordinator sites exclude cardiology";

const PAUSE_MANUAL: &str = "\
Pause a site, in the run that is going and in every later one: it gets no work,
no round waits for it, and it does not count for the quorum of a launch. What
it has sent for the open round counts. Ends with `coordinator sites resume`.
Works while `serve` runs and while it does not.

Example:
  coordinator sites pause cardiology";

const EXCLUDE_MANUAL: &str = "\
Leave a site out of the run that is going: it gets no work, and no round waits
for it. What it has sent for the open round counts. Ends with the run, or with
`coordinator sites include`. If fewer sites than the quorum are left, the round
waits for the deadline: the site may be included again until then.

Example:
  coordinator sites exclude cardiology";

const ACCEPT_MANUAL: &str = "\
Accept the ledger that a site has now in place of the one it announced before.

Ask the site first what happened, and have its officer compute the root at the
size that is shown here (`python3 deploy/verify_ledger.py ledger.log --root ROOT
--size SIZE`). A state folder that was restored from a
backup is a good reason. A ledger that was edited is not: what left that
hospital may be hidden by it. The decision is recorded in the database, and
what is counted of the site begins anew with the accepted ledger.

Asks before it does so; --yes answers.

Example:
  coordinator sites accept-ledger cardiology";

/// List all sites
#[derive(clap::Args)]
#[command(long_about = MANUAL, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Accept a site's ledger in place of the one it announced before
    #[command(long_about = ACCEPT_MANUAL)]
    AcceptLedger {
        /// Its name
        site: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Leave a site out of every run for a while
    #[command(long_about = PAUSE_MANUAL)]
    Pause(Named),
    /// End a site's pause
    Resume(Named),
    /// Leave a site out of the run that is going
    #[command(long_about = EXCLUDE_MANUAL)]
    Exclude(Named),
    /// Take an excluded site into the run again
    Include(Named),
}

#[derive(clap::Args)]
struct Named {
    /// Its name
    site: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    match &arguments.verb {
        Some(Verb::AcceptLedger { site, yes, json }) => {
            let (accepted, before) = accept(door, site, *yes)?;
            let document = json!({ "site": site, "accepted": accepted, "before": before });
            output::tell(*json, &document, || {
                let before =
                    before.map_or_else(|| "none".to_owned(), |head| format!("{} records", head.size));
                eprintln!(
                    "accepted the ledger of {site} with {} records and root {}, in place of {before}",
                    accepted.size, accepted.root
                );
            })
        }
        Some(Verb::Pause(named)) => change(door, named, SiteChange::Pause),
        Some(Verb::Resume(named)) => change(door, named, SiteChange::Resume),
        Some(Verb::Exclude(named)) => change(door, named, SiteChange::Exclude),
        Some(Verb::Include(named)) => change(door, named, SiteChange::Include),
        None => list(door, arguments.json),
    }
}

fn change(door: &Door, Named { site, json }: &Named, change: SiteChange) -> Result<()> {
    let command = Command::Change { site: site.clone(), change };
    let Answer::Changed { changed } = offline::serve_or_books(door, &command)? else {
        return Err(offline::unexpected());
    };
    let done = match change {
        SiteChange::Pause => "is paused",
        SiteChange::Resume => "takes part again",
        SiteChange::Exclude => "is left out of the run",
        SiteChange::Include => "takes part in the run again",
    };
    output::tell(*json, &json!({ "site": site, "change": change, "changed": changed }), || {
        eprintln!("{site} {done}{}", if changed { "" } else { ", as before" });
    })
}

fn list(door: &Door, as_json: bool) -> Result<()> {
    let facts = facts(door)?;
    if as_json {
        return output::print_json(&facts);
    }
    for line in sites_table::lines(&facts, SystemClock.now()) {
        output::print_line(&line)?;
    }
    for site in &facts {
        if let Some(found) = &site.ledger_refused {
            explain(site, found);
        }
    }
    Ok(())
}

/// What is wrong with a ledger, and the way out.
fn explain(facts: &SiteFacts, found: &Head) {
    let SiteFacts { site, ledger: kept, .. } = facts;
    if let Some(number) = facts.ledger_repeated {
        eprintln!(
            "\n{site} sent two frames with the number {number}: its ledger was cut or begun anew, or two agents \
             run with copies of its folder; now it has {} records with root {}.\n\
             hint: ask the site; if there is a good reason (a backup), `coordinator sites accept-ledger {site}`\n",
            found.size, found.root
        );
        return;
    }
    let kept = kept.as_ref().map_or_else(
        || "records of frames that arrived".to_owned(),
        |kept| format!("{} records with root {}", kept.size, kept.root),
    );
    eprintln!(
        "\n{site} announced {kept}; now it has {} records with root {}, which do not extend that.\n\
         hint: ask the site; if there is a good reason (a backup), `coordinator sites accept-ledger {site}`\n",
        found.size, found.root
    );
}

fn facts(door: &Door) -> Result<Vec<SiteFacts>> {
    match offline::serve_or_books(door, &Command::Sites)? {
        Answer::Sites { sites } => Ok(sites),
        _ => Err(offline::unexpected()),
    }
}

/// The ledger that was accepted, and the one before it.
fn accept(door: &Door, name: &str, is_sure: bool) -> Result<(Head, Option<Head>)> {
    let site = site_id(name)?;
    let row = facts(door)?.into_iter().find(|row| row.site == site.as_str());
    let none = || Error::Argument {
        message: format!("there is no question about the ledger of {site}"),
        hint: "`coordinator sites` shows which ledgers were refused".into(),
    };
    let row = row.ok_or_else(|| Error::UnknownSite(site.to_string()))?;
    let found = row.ledger_refused.clone().ok_or_else(none)?;
    explain(&row, &found);
    if !is_sure {
        output::confirm(&format!("accept this ledger of {site}?"))?;
    }
    let command = Command::AcceptLedger { site: site.to_string(), found };
    match offline::books(door, &command)? {
        Answer::Accepted { accepted, before } => Ok((accepted, before)),
        _ => Err(offline::unexpected()),
    }
}
