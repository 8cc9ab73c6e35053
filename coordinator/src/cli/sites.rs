//! `coordinator sites`: all hospitals of the consortium, and the answer to a ledger that does not fit. Called
//! by `cli`. Invariant: listing only reads the database; it works with and without a running `serve`.

use clap::Subcommand;
use common::clock::{Clock, SystemClock};
use common::id::SiteId;
use common::wire::message::LedgerHead;
use serde::Serialize;

use super::output;
use crate::error::{Error, Result};
use crate::state_folder::StateFolder;
use crate::store::{LedgerQuestion, Store};

const MANUAL: &str = "\
List every site: whether it is invited, active or revoked, and how many frames
and bytes of it arrived. Its own ledger counts the same ones as \"sent in
runs\" (`site-agent status`), and those that were lost on the way; the request
to join and notes of data are in neither. Works while `serve` runs and while it
does not.

A site announces the size and root of its ledger at every connection, and
proves that it extends what it announced before. Where it does not, the site
gets no answer until it is accepted here.

Examples:
  coordinator sites --json
  coordinator sites accept-ledger cardiology";

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
    },
}

#[derive(Serialize)]
struct Row {
    site: String,
    status: &'static str,
    joined_ms: Option<u64>,
    frames: u64,
    bytes: u64,
    running_hash: Option<String>,
    /// What the site announced last of its ledger, proved to extend what it announced before.
    ledger: Option<Head>,
    /// The ledger it has now, where that is another one.
    ledger_refused: Option<Head>,
}

#[derive(Serialize)]
struct Head {
    size: u64,
    root: String,
}

impl From<LedgerHead> for Head {
    fn from(head: LedgerHead) -> Self {
        Self { size: head.size, root: head.root.to_string() }
    }
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let store = Store::open(&folder.database())?;
    match &arguments.verb {
        Some(Verb::AcceptLedger { site, yes }) => accept(&store, site, *yes),
        None => list(&store, arguments.json),
    }
}

fn list(store: &Store, as_json: bool) -> Result<()> {
    let mut rows = Vec::new();
    for site in store.sites()? {
        let totals = store.frame_totals(&site.name)?;
        let refused = store.ledger_question(&site.name)?.filter(|open| open.is_refused);
        rows.push(Row {
            site: site.name.to_string(),
            status: site.status.word(),
            joined_ms: site.joined_at.map(|at| at.0),
            frames: totals.map_or(0, |totals| totals.frames),
            bytes: totals.map_or(0, |totals| totals.bytes),
            running_hash: totals.map(|totals| totals.running_hash.to_string()),
            ledger: store.ledger_head(&site.name)?.map(Head::from),
            ledger_refused: refused.map(|open| open.found.into()),
        });
    }
    if as_json {
        return output::print_json(&rows);
    }
    let line = |site: &str, status: &str, frames: &str, bytes: &str, ledger: &str| {
        output::print_line(&format!("{site:<33}{status:<10}{frames:>10}{bytes:>16}  {ledger}"))
    };
    line("site", "status", "frames", "bytes", "ledger")?;
    for row in rows {
        let ledger = match (&row.ledger_refused, &row.ledger) {
            (Some(_), _) => "REFUSED".to_owned(),
            (None, Some(head)) => head.size.to_string(),
            (None, None) => "-".to_owned(),
        };
        line(&row.site, row.status, &row.frames.to_string(), &row.bytes.to_string(), &ledger)?;
        if let Some(found) = row.ledger_refused {
            explain(&row.site, row.ledger.as_ref(), &found);
        }
    }
    Ok(())
}

/// What is wrong with a ledger, and the way out.
fn explain(site: &str, kept: Option<&Head>, found: &Head) {
    let kept = kept.map_or_else(
        || "records of frames that arrived".to_owned(),
        |kept| format!("{} records with root {}", kept.size, kept.root),
    );
    eprintln!(
        "\n{site} announced {kept}; now it has {} records with root {}, which do not extend that.\n\
         hint: ask the site; if there is a good reason (a backup), `coordinator sites accept-ledger {site}`\n",
        found.size, found.root
    );
}

fn accept(store: &Store, name: &str, is_sure: bool) -> Result<()> {
    let unknown = || Error::UnknownSite(name.chars().take(64).collect());
    let site: SiteId = name.parse().map_err(|_| unknown())?;
    if !store.sites()?.iter().any(|row| row.name == site) {
        return Err(unknown());
    }
    let none = || Error::Argument {
        message: format!("there is no question about the ledger of {site}"),
        hint: "`coordinator sites` shows which ledgers were refused".into(),
    };
    let changed = || Error::Argument {
        message: format!("{site} announced yet another ledger meanwhile, so nothing was accepted"),
        hint: "`coordinator sites` shows what it has now".into(),
    };
    let open = store.ledger_question(&site)?.filter(|open| open.is_refused).ok_or_else(none)?;
    explain(name, open.kept.map(Head::from).as_ref(), &open.found.into());
    if !is_sure {
        output::confirm(&format!("accept this ledger of {site}?"))?;
    }
    let LedgerQuestion { kept, found, .. } =
        store.accept_ledger(&site, &open.found, SystemClock.now())?.ok_or_else(changed)?;
    eprintln!(
        "accepted the ledger of {site} with {} records and root {}, in place of {}",
        found.size,
        found.root,
        kept.map_or_else(|| "none".to_owned(), |kept| format!("{} records", kept.size))
    );
    Ok(())
}
