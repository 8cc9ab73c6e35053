//! `site-agent ledger show|verify`: what left this hospital, and whether the record of it is intact. Offline.
//! Run by `cli`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use clap::Subcommand;
use common::ledger::{self, LedgerError, Reading, Record, Summary};
use serde_json::json;

use super::support::{State, print_json};
use super::table;
use crate::error::SiteError;
use crate::paths::StateFolder;

const SHOW_EXAMPLES: &str = "\
Examples:
  site-agent ledger show
  site-agent ledger show --last 20
  site-agent ledger show --json | jq 'select(.kind == \"chunk\") | .length'

The file itself is ledger/ledger.log in the state folder: one JSON object per line, readable with any tool.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  site-agent ledger verify
  python3 deploy/verify_ledger.py site-state/ledger/ledger.log

The second is an independent program that needs Python only; both print the same root and the same totals. The root is what \
the coordinator is told at the beginning of each connection, so it can be compared with what they have.";

const EXAMPLES: &str = "\
Example:
  site-agent ledger show --last 5";

/// Show or verify the record of everything that left this hospital.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List every frame that left: when, what kind, how many bytes, and the SHA-256 of exactly those bytes.
    ///
    /// A line of kind `data` is a note: nothing left, and its SHA-256 is the root of the data manifest of
    /// that run.
    #[command(after_long_help = SHOW_EXAMPLES)]
    Show {
        #[command(flatten)]
        state: State,
        /// Print the records as they are in the file, one JSON object per line.
        #[arg(long)]
        json: bool,
        /// Only the newest N records.
        #[arg(long, value_name = "N")]
        last: Option<usize>,
    },
    /// Check that no record was changed, removed or inserted, and sum up by kind.
    #[command(after_long_help = VERIFY_EXAMPLES)]
    Verify {
        #[command(flatten)]
        state: State,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    match &arguments.command {
        Command::Show { state, json, last } => show(&joined(state)?, *json, *last),
        Command::Verify { state, json } => verify_and_print(&joined(state)?, *json),
    }
}

fn joined(state: &State) -> Result<StateFolder, SiteError> {
    let folder = state.open()?;
    if folder.config().exists() {
        Ok(folder)
    } else {
        Err(SiteError::NotJoined { folder: folder.root().to_path_buf() })
    }
}

fn show(folder: &StateFolder, as_json: bool, last: Option<usize>) -> Result<(), SiteError> {
    let (mut records, _) = read(&folder.ledger())?;
    if let Some(last) = last {
        records.drain(..records.len().saturating_sub(last));
    }
    if as_json {
        for record in &records {
            let line = record.to_line().map_err(|error| SiteError::Internal(error.to_string()))?;
            println!("{}", String::from_utf8_lossy(&line));
        }
        return Ok(());
    }
    let mut rows =
        vec![["seq", "time (UTC)", "kind", "run", "round", "bytes", "sha256"].map(str::to_owned).to_vec()];
    rows.extend(records.iter().map(|record| {
        vec![
            record.sequence.to_string(),
            table::utc(record.time_ms),
            record.kind.word().to_owned(),
            // Eight digits tell a site's runs apart; --json has all of them.
            record.run.as_deref().map_or("-", |run| run.get(..8).unwrap_or(run)).to_owned(),
            record.round.map_or_else(|| "-".to_owned(), |round| round.to_string()),
            record.length.to_string(),
            record.sha256.get(..12).unwrap_or_default().to_owned(),
        ]
    }));
    print!("{}", table::render(&rows));
    Ok(())
}

fn verify_and_print(folder: &StateFolder, as_json: bool) -> Result<(), SiteError> {
    let (records, summary) = read(&folder.ledger())?;
    let data = data_roots(&records);
    if as_json {
        let kinds: serde_json::Map<String, serde_json::Value> = summary
            .kinds
            .iter()
            .map(|(kind, total)| {
                (kind.word().to_owned(), json!({ "frames": total.frames, "bytes": total.bytes }))
            })
            .collect();
        return print_json(&json!({
            "verified": true,
            "records": summary.records,
            "bytes": summary.bytes,
            "root": summary.root.to_string(),
            "kinds": kinds,
            "data": data,
        }));
    }
    let mut rows = vec![["kind", "frames", "bytes"].map(str::to_owned).to_vec()];
    rows.extend(summary.kinds.iter().map(|(kind, total)| {
        vec![kind.word().to_owned(), total.frames.to_string(), total.bytes.to_string()]
    }));
    rows.push(vec!["total".into(), summary.records.to_string(), summary.bytes.to_string()]);
    print!("{}", table::render(&rows));
    for (run, roots) in &data {
        println!("run {run} used data {}", roots.join(", then "));
    }
    println!("root {}", summary.root);
    println!("the ledger is intact");
    Ok(())
}

/// The data roots that were noted, by run: more than one where the records changed while a run went on.
fn data_roots(records: &[Record]) -> BTreeMap<&str, Vec<&str>> {
    let mut data: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.is_note()) {
        data.entry(record.run.as_deref().unwrap_or_default()).or_default().push(&record.sha256);
    }
    data
}

/// Verifies the ledger and sums it up.
pub(super) fn summary(path: &Path) -> Result<Summary, SiteError> {
    read(path).map(|(_, summary)| summary)
}

/// Reads and verifies. An incomplete last line is not a fault: a running gateway may be in the middle of it,
/// and one that a crash left there was never followed by a send and will be cut off at the next start.
fn read(path: &Path) -> Result<(Vec<Record>, Summary), SiteError> {
    let file = File::open(path).map_err(|source| SiteError::io(path, source))?;
    let mut records = Vec::new();
    match ledger::read(BufReader::new(file), |record| records.push(record.clone())) {
        Ok(Reading { verifier, torn_bytes, .. }) => {
            if torn_bytes > 0 {
                eprintln!("note: the last line is incomplete and not counted: a crash, or a running agent");
            }
            Ok((records, verifier.summary()))
        }
        Err(LedgerError::Io(source)) => Err(SiteError::io(path, source)),
        Err(error) => Err(SiteError::Ledger { path: path.to_path_buf(), reason: error.to_string() }),
    }
}
