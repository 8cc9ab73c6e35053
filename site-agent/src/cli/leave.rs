//! `site-agent leave`: ends this site's membership for good. Run by `cli`. Invariants: the coordinator hears
//! of it first, in one ledgered frame; then the keys to the coordinator and everything that was trained or
//! fetched go, and what proves what left stays, the key for ledger heads included; it can be repeated until
//! it is done.

use std::fs;
use std::path::{Path, PathBuf};

use cli::confirm::{Question, Yes};
use common::clock::{Clock as _, SystemClock};
use common::id::Digest;
use common::net::{CertificateFault, NetError};
use common::page::grouped;
use common::wire::message::Response;
use serde_json::json;

use super::line::Line;
use super::support::{Keyed, tell};
use crate::config::AgentConfig;
use crate::egress::Outbound;
use crate::error::SiteError;
use crate::gateway::connection::name_of;
use crate::gateway::decisions::Decider;
use crate::gateway::identity::{Coordinator, Identity, Papers};
use crate::gateway::memory;
use crate::gateway::store::{FACT_LEFT_MS, FACT_LEFT_TOLD, Store};
use crate::paths::{StateFolder, is_data_manifest};

const EXAMPLES: &str = "\
Examples:
  site-agent withdraw 3f2a       # leaves one run and stays a member
  site-agent leave --dry-run     # says what would go and what would stay
  site-agent leave               # with the agent stopped; it asks first

The coordinator counts nothing of this site that is not yet in a published adapter. What it has acknowledged stays with it, in what was \
published and in every later round: nothing calls it back. To take part again a site joins anew, under another name and in \
another state folder. Replay the rounds that you want to replay before you leave: what a replay needs goes.";

/// End this site's membership in the consortium, for good.
///
/// Tells the coordinator, then removes the keys to it, adapters, updates and checkpoints of trainings. The
/// ledger and the key that signs its heads, the database with receipts and decisions, the signed terms of
/// runs, data manifests, logs and settings stay: they prove what left.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: Keyed,
    /// Say what would go and what would stay, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not tell the coordinator, where it is gone for good. Otherwise its operator has to be told: to them
    /// this site is a member until its certificate ends.
    #[arg(long)]
    without_coordinator: bool,
    #[command(flatten)]
    yes: Yes,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open_joined()?;
    let site = Coordinator::load(&folder.identity())?.site;
    let mut store = Store::open(&folder.database())?;
    let going = going(&folder, &store)?;
    let bytes: u64 = going.iter().map(|(_, bytes)| bytes).sum();
    if !arguments.json {
        print!("{}", plan(site.as_str(), &store, going.len(), bytes)?);
    }
    if !arguments.dry_run {
        let text = format!("{site} leaves the consortium for good");
        arguments.yes.or_ask(&Question { text: &text, expected: site.as_str(), needs_yes: true })?;
        let paths: Vec<PathBuf> = going.iter().map(|(path, _)| path.clone()).collect();
        leave(&folder, &mut store, &paths, arguments.without_coordinator)?;
    }
    let is_told = store.fact(FACT_LEFT_TOLD)? == Some(1);
    let document = json!({
        "site": site,
        "left": has_left(&store)?.is_some(),
        "coordinator_told": is_told,
        "removed": if arguments.dry_run { json!(null) } else { json!({ "files": going.len(), "bytes": bytes }) },
    });
    tell(arguments.json, &document, || match (arguments.dry_run, is_told) {
        (true, _) => println!("nothing was done"),
        (false, true) => println!("{site} has left the consortium; its coordinator has noted it"),
        (false, false) => {
            println!("{site} has left, but its coordinator has not confirmed it: ask its operator");
            println!("whether `coordinator sites` says so, and otherwise for");
            println!("    coordinator revoke {site}");
        }
    })
}

/// Tells the coordinator, where that is wished and was not done, notes that this site has left, and removes
/// what goes. The ledger is held from the note on: no agent can run beside it, and none runs afterwards.
fn leave(
    folder: &StateFolder,
    store: &mut Store,
    going: &[PathBuf],
    without_coordinator: bool,
) -> Result<(), SiteError> {
    let is_first = has_left(store)?.is_none();
    let is_told = if is_first && !without_coordinator {
        tell_coordinator(folder)?
    } else {
        store.fact(FACT_LEFT_TOLD)? == Some(1)
    };
    let held = memory::open(&folder.ledger(), store, &Decider::of(folder)?)?;
    // Who this site was stays readable: the certificate in use may stand beside its key only.
    Papers::load(&folder.identity())?.keep_certificate(&folder.identity())?;
    store.set_fact(FACT_LEFT_TOLD, u64::from(is_told))?;
    if is_first {
        store.set_fact(FACT_LEFT_MS, SystemClock.now().0)?;
    }
    for path in going {
        match fs::remove_file(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            removed => removed.map_err(SiteError::at(path))?,
        }
    }
    drop(held);
    Ok(())
}

/// When this site left, in milliseconds since 1970.
///
/// # Errors
/// `Store`.
fn has_left(store: &Store) -> Result<Option<u64>, SiteError> {
    store.fact(FACT_LEFT_MS)
}

/// Refuses what only a member does.
///
/// # Errors
/// `Data` where this site has left.
pub(super) fn must_be_member(folder: &StateFolder) -> Result<(), SiteError> {
    // A database that cannot be read is named by whoever needs it.
    let left = Store::open_to_read(&folder.database()).and_then(|store| has_left(&store));
    if matches!(left, Ok(Some(_))) {
        return Err(SiteError::data(
            "this site has left the consortium",
            "to take part again, join with another name in another folder: site-agent join --state DIR",
        ));
    }
    Ok(())
}

/// The frame. Whether the coordinator noted it: one that takes this certificate for ended may have shut the
/// site out, or may know a newer one.
fn tell_coordinator(folder: &StateFolder) -> Result<bool, SiteError> {
    let identity = Identity::load(&folder.identity(), folder.passphrase())?;
    let config = AgentConfig::load(&folder.config())?;
    let mut line = Line::of(folder, &config, &identity)?;
    let is_out = |error: &SiteError| {
        matches!(error, SiteError::Net(NetError::CertificateRefused { fault: CertificateFault::Revoked }))
    };
    match line.greet() {
        Err(error) if is_out(&error) => return Ok(false),
        greeted => greeted?,
    }
    let Line { connection, runtime } = &mut line;
    match runtime.block_on(connection.mention(Outbound::Leave))? {
        Some(Response::Noted) => Ok(true),
        Some(other) => Err(SiteError::Connection {
            reason: format!("to this site's leaving it answers {}", name_of(&other)),
        }),
        None => Err(SiteError::Connection { reason: "it broke before the answer; run it again".into() }),
    }
}

/// What goes: the keys, and all that was fetched, trained or prepared, but for the signed terms of runs and
/// the manifests of data.
fn going(folder: &StateFolder, store: &Store) -> Result<Vec<(PathBuf, u64)>, SiteError> {
    let terms = store.manifests()?;
    let mut going = Vec::new();
    add(&folder.identity(), &mut going, false, &|name| name == Identity::KEY_FILE)?;
    for place in [folder.renewed(), folder.raw(), folder.outbox(), folder.replay()] {
        add(&place, &mut going, true, &|_| true)?;
    }
    // Counts and digests: what a data root in the ledger stands for.
    add(&folder.work(), &mut going, true, &|name| !is_data_manifest(name))?;
    add(&folder.inbox(), &mut going, false, &|name| {
        name.parse::<Digest>().map_or(true, |digest| !terms.contains(&digest))
    })?;
    Ok(going)
}

/// The files in a folder whose names are so, and where all of it goes also those below; no link is followed.
fn add(
    place: &Path,
    found: &mut Vec<(PathBuf, u64)>,
    goes_whole: bool,
    is_it: &dyn Fn(&str) -> bool,
) -> Result<(), SiteError> {
    let entries = match fs::read_dir(place) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(SiteError::at(place))?,
    };
    for entry in entries {
        let entry = entry.map_err(SiteError::at(place))?;
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().map_err(SiteError::at(&path))?;
        if kind.is_dir() && goes_whole {
            add(&path, found, goes_whole, is_it)?;
        } else if !kind.is_dir() && is_it(&name.to_string_lossy()) {
            found.push((path, entry.metadata().map_or(0, |facts| facts.len())));
        }
    }
    Ok(())
}

/// What a person reads before they decide.
fn plan(site: &str, store: &Store, files: usize, bytes: u64) -> Result<String, SiteError> {
    let updates = store.updates()?;
    let sent = updates.iter().filter(|update| update.receipt.is_some());
    let (rounds, sent_bytes) =
        sent.fold((0_u64, 0), |(rounds, sum), update| (rounds + 1, sum + update.bytes));
    Ok(format!(
        "{site} leaves the consortium: its keys to it go, and nothing more of it is counted\n\
         stays there  {} updates with {} bytes, which the coordinator has acknowledged\n\
         goes here    {files} files with {} bytes: keys, adapters, updates, checkpoints\n\
         stays here   ledger with the key for its heads, database (receipts, decisions), terms of\n\
         \x20            runs, data manifests, logs, settings\n",
        grouped(rounds),
        grouped(sent_bytes),
        grouped(bytes)
    ))
}
