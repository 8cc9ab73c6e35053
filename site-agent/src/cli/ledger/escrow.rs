//! `site-agent ledger escrow new-key|list`: the privacy officer's age key for escrowed frames, and which days
//! are kept. Offline. Run by `cli::ledger`. Invariant: the private key is written where the officer says, and
//! nowhere in a state folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use certs::AgeIdentity;
use clap::Subcommand;
use common::durable;
use common::page::grouped;
use serde_json::json;

use crate::cli::support::{State, tell};
use crate::cli::table;
use crate::error::SiteError;
use crate::gateway::escrow::days::{days, entries};
use crate::paths::StateFolder;
use crate::waiver::key_error;

pub(super) const EXAMPLES: &str = "\
Examples:
  The officer, once, on a machine of their own:
    site-agent ledger escrow new-key escrow.key

  The site, in agent.toml, then `site-agent run` anew:
    [escrow]
    recipient = \"age1...\"
    keep_days = 90
    mib_max = 4096

  site-agent ledger escrow list
  site-agent ledger open 412 --key escrow.key

The key is an X25519 identity of age (age-encryption.org): other age programs open the frames, too. It is not the key \
that signs approvals. Without it nobody opens them, this site included.";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the officer's key for escrowed frames, and print the recipient for agent.toml.
    NewKey {
        /// Where the private key is written; an existing file is not touched.
        #[arg(value_name = "PATH")]
        path: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the days whose frames are kept.
    List {
        #[command(flatten)]
        state: State,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    match &arguments.command {
        Command::NewKey { path, json } => new_key(path, *json),
        Command::List { state, json } => list(&state.open_joined()?, *json),
    }
}

fn new_key(path: &Path, as_json: bool) -> Result<(), SiteError> {
    if path.exists() {
        let sentence = format!("{} exists already", path.display());
        return Err(SiteError::data(
            &sentence,
            "choose another name; a key that is lost cannot be made again",
        ));
    }
    let identity = AgeIdentity::generate().map_err(key_error)?;
    let recipient = identity.recipient().map_err(key_error)?.to_string();
    durable::write(path, identity.to_text().as_bytes(), durable::PRIVATE).map_err(SiteError::at(path))?;
    let document = json!({ "private_path": path.display().to_string(), "recipient": recipient });
    tell(as_json, &document, || {
        println!("private key  {}  keep it with the officer: without it no frame is opened", path.display());
        println!("recipient    {recipient}  for [escrow] of the site's agent.toml");
    })
}

fn list(folder: &StateFolder, as_json: bool) -> Result<(), SiteError> {
    let place = folder.escrow();
    let mut kept = Vec::new();
    for day in days(&place).map_err(SiteError::at(&place))? {
        let found = File::open(&day.path).and_then(|mut file| entries(&mut file));
        let (entries, _) = found.map_err(SiteError::at(&day.path))?;
        let ends = entries.first().zip(entries.last()).map(|(first, last)| (first.sequence, last.sequence));
        kept.push((day, entries.len(), ends));
    }
    let rows = kept.iter().map(|(day, frames, ends)| {
        json!({
            "day": day.day,
            "frames": frames,
            "bytes": day.bytes,
            "first_sequence": ends.map(|(first, _)| first),
            "last_sequence": ends.map(|(_, last)| last),
        })
    });
    let document = json!({ "days": rows.collect::<Vec<_>>() });
    tell(as_json, &document, || {
        let mut rows = vec![["day", "frames", "bytes", "records"].map(str::to_owned).to_vec()];
        rows.extend(kept.iter().map(|(day, frames, ends)| {
            let ends = ends.map_or_else(|| "-".to_owned(), |(first, last)| format!("{first} to {last}"));
            vec![day.day.clone(), grouped(*frames as u64), grouped(day.bytes), ends]
        }));
        print!("{}", table::render(&rows));
    })
}
