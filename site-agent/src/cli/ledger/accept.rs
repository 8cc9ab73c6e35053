//! `site-agent ledger accept`: the privacy officer's way out of whatever `ledger verify` refuses in a ledger
//! whose chain holds. Run by `cli::ledger`. Invariants: nothing is accepted that is not refused; who decided,
//! when and about what stays in the database; where the site trusts an officer's key, that key signs the
//! decision.

use std::path::PathBuf;

use cli::confirm::{Question, Yes};
use common::clock::{Clock as _, SystemClock};
use common::id::SiteId;
use serde_json::json;

use super::receipts::{self, Beside};
use crate::cli::support::{State, Unlock, tell};
use crate::error::SiteError;
use crate::gateway::decisions::{self, Decider};
use crate::gateway::identity::Coordinator;
use crate::gateway::ledger::LedgerWriter;
use crate::gateway::store::Store;
use crate::gateway::store::memory::Epoch;
use crate::paths::StateFolder;
use crate::waiver;

pub(super) const EXAMPLES: &str = "\
Examples:
  site-agent ledger accept --key officer.key
  site-agent ledger accept --yes     # where this site trusts no officer's key

Copy the state folder first. It names what it accepts. What was lost is not known here any more; the coordinator's operator \
has received it and can say how many frames that were. Where the ledger is another one than they know, they must accept it, \
too: `coordinator sites accept-ledger`. A ledger whose chain is broken is moved away and kept, and accepted as missing.";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: State,
    /// The officer's private key; needed where this site trusts an officer's key.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    unlock: Unlock,
    #[command(flatten)]
    yes: Yes,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open_joined()?;
    let site = Coordinator::load(&folder.identity())?.site;
    // Opened to write: a database of an older version gets the tables of this one.
    let mut store = Store::open(&folder.database())?;
    let path = folder.ledger();
    let found = examine(&folder)?;
    if found.reasons.is_empty() {
        return Err(SiteError::data(
            "the ledger lacks nothing that is known of it",
            "`site-agent ledger verify` says more; where the coordinator knows another one, its operator accepts this one",
        ));
    }
    for reason in &found.reasons {
        eprintln!("refused: {reason}");
    }
    // Before anything is made or cut: who may decide, and whether they do.
    let decider = Decider::of(&folder)?;
    if arguments.key.is_none() && decider.officer().is_some() {
        return Err(SiteError::data(
            "this site trusts a privacy officer's key, and they decide about its ledger",
            "name their private key with --key",
        ));
    }
    arguments.yes.or_ask(&Question {
        text: "what is missing stays missing, and this site goes on with the ledger as it is now",
        expected: "yes",
        needs_yes: true,
    })?;
    // Nobody else writes from here on. A missing one is begun here, and nowhere else.
    let (ledger, _) = LedgerWriter::open(&path)?;
    let head = ledger.head();
    let statement = decisions::statement(&site, &head, &found.unfit);
    let passphrase = arguments.unlock.passphrase();
    let sign = |key: &PathBuf| waiver::sign_as_trusted(&folder, key, &passphrase, &statement);
    let signature = arguments.key.as_ref().map(sign).transpose()?;
    let epoch = Epoch { at_ms: SystemClock.now().0, head, set_aside: found.unfit, signature };
    store.record_epoch(&epoch)?;
    let is_known = !(found.is_another || found.is_refused);
    let document = json!({
        "site": site,
        "accepted": { "size": epoch.head.size, "root": epoch.head.root.to_string() },
        "receipts_set_aside": epoch.set_aside.len(),
        "known_to_coordinator": is_known,
        "reasons": found.reasons,
    });
    tell(arguments.json, &document, || say(&site, &epoch, is_known))
}

fn say(site: &SiteId, epoch: &Epoch, is_known: bool) {
    println!(
        "accepted the ledger with {} records; {} receipts are set aside and stay in the database",
        epoch.head.size,
        epoch.set_aside.len()
    );
    if is_known {
        println!("the coordinator knows this ledger; tell its operator which receipts were set aside");
    } else {
        println!(
            "next: tell the coordinator's operator, who must accept it too (coordinator sites accept-ledger {site})"
        );
    }
}

/// What `ledger verify` would say; of a missing ledger what it says of an empty one.
fn examine(folder: &StateFolder) -> Result<Beside, SiteError> {
    let known = receipts::knowledge(folder)?;
    let path = folder.ledger();
    let records = if path.exists() { receipts::read(&path)?.0 } else { Vec::new() };
    Ok(known.map(|known| receipts::compare(&records, &known)).unwrap_or_default())
}
