//! `site-agent ledger accept`: the privacy officer's way out when the ledger is behind what is known of it.
//! Run by `cli::ledger`. Invariants: nothing is accepted that is not missed; who decided, when and about what
//! stays in the database; where the site trusts an officer's key, that key signs the decision.

use std::path::PathBuf;

use certs::officer::LEDGER_CONTEXT;
use cli::confirm::{Question, Yes};
use common::clock::{Clock as _, SystemClock};
use common::id::{Digest, SiteId};
use common::wire::message::{LedgerHead, RoundKey};

use crate::cli::officer_key;
use crate::cli::support::State;
use crate::error::SiteError;
use crate::gateway::identity::Identity;
use crate::gateway::ledger::LedgerWriter;
use crate::gateway::memory::{self, Lack};
use crate::gateway::store::Store;
use crate::gateway::store::memory::Epoch;
use crate::waiver;

pub(super) const EXAMPLES: &str = "\
Examples:
  site-agent ledger accept --key officer.key
  site-agent ledger accept --yes     # where this site trusts no officer's key

Copy the state folder first. What was lost is not known here any more; the coordinator's operator has received it and can \
say how many frames that were. They must accept the new ledger, too: `coordinator sites accept-ledger`.";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: State,
    /// The officer's private key; needed where this site trusts an officer's key.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    yes: Yes,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open_joined()?;
    let site = Identity::load(&folder.identity())?.coordinator.site;
    let mut store = Store::open(&folder.database())?;
    let path = folder.ledger();
    let lack = memory::lack(&path, &store)?;
    if lack.reasons.is_empty() {
        return Err(data(
            "the ledger lacks nothing that is known of it",
            "`site-agent ledger verify` says more",
        ));
    }
    for reason in &lack.reasons {
        eprintln!("missing: {reason}");
    }
    // Before anything is made or cut: who may decide, and whether they do.
    if arguments.key.is_none() && folder.officer().exists() {
        return Err(data(
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
    let signature = match &arguments.key {
        Some(key) => {
            let key = officer_key::read_private(key)?;
            let statement = statement(&site, &ledger.head(), &lack);
            let signature = key.sign(&statement).map_err(waiver::key_error)?;
            if !waiver::trusted(&folder.officer())?.verifies(&statement, &signature) {
                return Err(data("this is not the key of the officer whom this site trusts", "use theirs"));
            }
            Some(signature)
        }
        None => None,
    };
    let epoch =
        Epoch { at_ms: SystemClock.now().0, head: ledger.head(), set_aside: lack.receipts, signature };
    store.record_epoch(&epoch)?;
    println!(
        "accepted the ledger with {} records; {} receipts are set aside and stay in the database",
        epoch.head.size,
        epoch.set_aside.len()
    );
    println!(
        "next: tell the coordinator's operator, who must accept it too (coordinator sites accept-ledger {site})"
    );
    Ok(())
}

/// What the officer signs.
fn statement(site: &SiteId, head: &LedgerHead, lack: &Lack) -> Vec<u8> {
    let mut bytes = LEDGER_CONTEXT.to_vec();
    bytes.extend_from_slice(&Digest::of(site.as_str().as_bytes()).0);
    bytes.extend_from_slice(&head.size.to_le_bytes());
    bytes.extend_from_slice(&head.root.0);
    for RoundKey { run, round } in &lack.receipts {
        bytes.extend_from_slice(&run.0);
        bytes.extend_from_slice(&round.0.to_le_bytes());
    }
    bytes
}

fn data(sentence: &str, hint: &str) -> SiteError {
    SiteError::Data { sentence: sentence.into(), hint: Some(hint.into()) }
}
