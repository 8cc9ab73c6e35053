//! `site-agent ledger show|verify|receipts|checkpoint|prove|report|reconcile|accept`: what left this
//! hospital, whether the record of it is intact and complete, what can be taken away to prove it later, and
//! what the officer decides if it is not. Offline. Run by `cli`.

mod accept;
mod earlier;
mod escrow;
mod heads;
mod open;
mod receipts;
mod reconcile;
mod report;
mod wire;

pub(in crate::cli) use self::receipts::read;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ::cli::witness::CosignedHead;
use clap::Subcommand;
use common::clock::Timestamp;
use common::ledger::{Compared, Kind, Record, Summary, Tree};
use common::wire::message::LedgerHead;
use serde_json::json;

use self::earlier::{Earlier, Fitting};
use self::receipts::Beside;
use super::support::{Keyed, State, print_json};
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
  site-agent ledger verify --checkpoint 2026-10.checkpoint \\
      --checkpoint 2026-11.checkpoint
  site-agent ledger verify --witness KEY
  python3 deploy/verify_ledger.py site-state/ledger/ledger.log

It compares the ledger with the receipts that the coordinator signed and with the root that it took last, both in site.db: a \
ledger that was cut or begun anew does not fit. Records behind both are known to nobody else yet. Where it refuses, it prints \
this ledger's root beside the coordinator's; `site-agent ledger accept` is the officer's way on.

A witness is another member who cosigns heads of this ledger, and none that does not follow from the one before. With \
--witness each that is named must have cosigned a head that this ledger has: one that is given, or one that is kept here \
(`site-agent ledger checkpoint --cosigned`).

The second is an independent program that needs Python only; both print the same root and the same totals. For the receipts:
  site-agent ledger receipts --out receipts.json
  python3 deploy/verify_ledger.py site-state/ledger/ledger.log \\
      --receipts receipts.json --officer officer.key.pub

A checkpoint (`site-agent ledger checkpoint`) that was kept elsewhere shows whether what was recorded until then was changed, \
also where ledger, database and chain were made anew. Give --key KEY as it was written down: the key on this machine is only as \
good as this machine. The second program takes --checkpoint FILE and --proof FILE, always with --key KEY. A ledger that the \
officer accepted does not fit the heads of the one before: take a new one at once, and keep the old ones aside.";

const RECEIPTS_EXAMPLES: &str = "\
Example:
  site-agent ledger receipts --out receipts.json

Keep the file off this machine: with it and the ledger anybody can check later that nothing was cut off, with \
deploy/verify_ledger.py. Compare its receipt_key with the coordinator's.";

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
    /// Check that no record was changed, removed, inserted or cut off, and sum up by kind.
    #[command(after_long_help = VERIFY_EXAMPLES)]
    Verify {
        #[command(flatten)]
        state: Keyed,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        earlier: Earlier,
    },
    /// Write the coordinator's signed receipts to a file, for the independent verifier.
    #[command(after_long_help = RECEIPTS_EXAMPLES)]
    Receipts {
        #[command(flatten)]
        state: State,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Sign the head of the ledger: a small file to keep off this machine.
    ///
    /// It says how many records there are and what their Merkle root is, signed by this site's key for
    /// ledger heads. A ledger that is cut or rewritten afterwards does not contain it.
    #[command(after_long_help = heads::CHECKPOINT_EXAMPLES)]
    Checkpoint(heads::Checkpoint),
    /// Prove to somebody that the ledger has one record, without handing over another one.
    #[command(after_long_help = heads::PROVE_EXAMPLES)]
    Prove(heads::Prove),
    /// Write the privacy officer's report: one printable page, in Chinese or English.
    ///
    /// What left, by run, round and kind, and to whom; who decided what; the policy, the waiver and the locks
    /// of this machine; which records were used; the ledger beside the coordinator's receipts; and what all
    /// this does not prove. No text of a record.
    #[command(after_long_help = report::EXAMPLES)]
    Report(report::Arguments),
    /// Go on with a ledger that `ledger verify` refuses: the privacy officer's decision.
    ///
    /// The agent refuses to run on a ledger that lacks what the coordinator acknowledged. If it cannot be put
    /// back, this records that it is lost, and begins a new count. It also sets aside a receipt that says of
    /// the ledger what is not so.
    #[command(after_long_help = accept::EXAMPLES)]
    Accept(accept::Arguments),
    Reconcile(reconcile::Arguments),
    /// Show what is in one frame that left, from its escrow.
    #[command(after_long_help = open::EXAMPLES)]
    Open(open::Arguments),
    /// The escrow: frames as they left, sealed for the privacy officer.
    #[command(after_long_help = escrow::EXAMPLES)]
    Escrow(escrow::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    match &arguments.command {
        Command::Show { state, json, last } => show(&state.open_joined()?, *json, *last),
        Command::Verify { state, json, earlier } => verify_and_print(&state.open_joined()?, earlier, *json),
        Command::Receipts { state, out, json } => receipts::export(&state.open_joined()?, out, *json),
        Command::Checkpoint(arguments) => heads::checkpoint(arguments),
        Command::Prove(arguments) => heads::prove(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Accept(arguments) => accept::run(arguments),
        Command::Reconcile(arguments) => reconcile::run(arguments),
        Command::Open(arguments) => open::run(arguments),
        Command::Escrow(arguments) => escrow::run(arguments),
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
        vec![["seq", "time", "kind", "run", "round", "bytes", "sha256"].map(str::to_owned).to_vec()];
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

fn verify_and_print(folder: &StateFolder, earlier: &Earlier, as_json: bool) -> Result<(), SiteError> {
    let given = earlier.read(folder)?;
    let known = receipts::knowledge(folder)?;
    let (records, summary) = read(&folder.ledger())?;
    let beside = known.map(|known| receipts::compare(&records, &known)).unwrap_or_default();
    let compared = given.compare(folder, &records);
    let is_verified = beside.is_verified() && compared.is_ok();
    if as_json {
        let mut document = as_document(&records, &summary, &beside, is_verified);
        add_earlier(&mut document, &compared);
        print_json(&document)?;
    } else if let Ok(fitting) = &compared
        && is_verified
    {
        print_verified(&records, &summary, &beside);
        print_earlier(fitting);
        print_verdict(&beside);
    }
    for uncompared in &beside.compared.uncompared {
        eprintln!("note: {uncompared}");
    }
    if beside.is_verified() {
        return compared.map(drop);
    }
    if let Err(error) = compared {
        eprintln!("and {error}");
    }
    print_roots(&records, &summary, &beside);
    let mut reasons = beside.reasons.into_iter();
    let Some(reason) = reasons.next() else { return Err(SiteError::LedgerRefused) };
    reasons.for_each(|reason| eprintln!("and {reason}"));
    Err(SiteError::LedgerBehind { path: folder.ledger(), reason })
}

fn as_document(
    records: &[Record],
    summary: &Summary,
    beside: &Beside,
    is_verified: bool,
) -> serde_json::Value {
    let kinds: serde_json::Map<String, serde_json::Value> = summary
        .kinds
        .iter()
        .map(|(kind, total)| {
            (kind.word().to_owned(), json!({ "frames": total.frames, "bytes": total.bytes }))
        })
        .collect();
    let Compared { receipts, frames_lost, uncompared, .. } = &beside.compared;
    let mut document = json!({
        "verified": is_verified,
        "records": summary.records,
        "bytes": summary.bytes,
        "root": summary.root.to_string(),
        "kinds": kinds,
        "data": data_roots(records),
        "receipts": { "fit": receipts, "frames_lost": frames_lost, "not_compared": uncompared.len() },
    });
    if !is_verified {
        let taken = beside.taken.map(|head| json!({ "size": head.size, "root": head.root.to_string() }));
        document["taken"] = json!(taken);
        document["reasons"] = json!(beside.reasons);
    }
    document
}

fn print_verified(records: &[Record], summary: &Summary, beside: &Beside) {
    let mut rows = vec![["kind", "frames", "bytes"].map(str::to_owned).to_vec()];
    rows.extend(summary.kinds.iter().map(|(kind, total)| {
        vec![kind.word().to_owned(), total.frames.to_string(), total.bytes.to_string()]
    }));
    rows.push(vec!["total".into(), summary.records.to_string(), summary.bytes.to_string()]);
    print!("{}", table::render(&rows));
    for (run, roots) in &data_roots(records) {
        println!("run {run} used data {}", roots.join(", then "));
    }
    println!("root {}", summary.root);
    let Compared { receipts, frames_lost, uncompared, .. } = &beside.compared;
    if *receipts > 0 || !uncompared.is_empty() {
        let not_compared = match uncompared.len() {
            0 => "all fit".to_owned(),
            count => format!("fit, and {count} could not be compared"),
        };
        println!(
            "receipts {receipts}: {not_compared}; {frames_lost} frames never arrived or were not counted"
        );
    }
    if let Some(taken) = beside.taken {
        println!("taken by the coordinator: the first {} records", taken.size);
    }
    if beside.decisions > 0 {
        println!(
            "begun anew by a decision that counts: {} times; the receipts that it names are set aside",
            beside.decisions
        );
    }
}

/// What was kept elsewhere: that it fits, or why it does not.
fn add_earlier(document: &mut serde_json::Value, compared: &Result<Fitting, SiteError>) {
    match compared {
        Ok(Fitting { checkpoints, proofs, key: Some((key, _)), cosigned }) => {
            document["earlier"] =
                json!({ "checkpoints": checkpoints, "proofs": proofs, "verifier_key": key.to_text() });
            let witnesses = cosigned.iter().map(|CosignedHead { witness, at_s, head }| {
                let at = Timestamp(at_s.saturating_mul(1_000)).rfc3339();
                json!({ "witness": witness.to_text(), "size": head.size, "at": at })
            });
            document["witnesses"] = witnesses.collect();
        }
        Ok(Fitting { key: None, .. }) => {}
        Err(error) => {
            if let Some(reasons) = document["reasons"].as_array_mut() {
                reasons.push(json!(error.to_string()));
            }
        }
    }
}

/// What was kept elsewhere and fits.
fn print_earlier(fitting: &Fitting) {
    let Fitting { checkpoints, proofs, key: Some((key, is_given)), cosigned } = fitting else { return };
    for CosignedHead { witness, at_s, head } in cosigned {
        let at = Timestamp(at_s.saturating_mul(1_000)).rfc3339();
        let (size, name) = (head.size, witness.name());
        println!("its first {size} records were cosigned by {name} on {at}; those behind are not witnessed");
    }
    println!("earlier checkpoints {checkpoints} and proofs {proofs}: all fit");
    if *is_given {
        println!("signed by the given key {key}");
    } else {
        println!("signed by this machine's key {key}: compare it with the one that was written down");
    }
}

fn print_verdict(beside: &Beside) {
    if beside.compared.uncompared.is_empty() {
        println!("the ledger is intact");
    } else {
        println!("the ledger is intact as far as it could be compared");
    }
}

/// What a person compares by eye, with the coordinator's operator for instance, where the ledger is refused.
fn print_roots(records: &[Record], summary: &Summary, beside: &Beside) {
    eprintln!("this ledger: {} records, root {}", summary.records, summary.root);
    let Some(LedgerHead { size, root }) = beside.taken else { return };
    eprintln!("taken by the coordinator: {size} records, root {root}");
    if size < summary.records {
        let mut tree = Tree::default();
        for record in records.iter().take_while(|record| record.sequence < size) {
            // A record that was read from its line has that line again.
            tree.append(&record.to_line().unwrap_or_default());
        }
        eprintln!("this ledger's first {size} records: root {}", tree.root());
    }
}

/// The data roots that were noted, by run: more than one where the records changed while a run went on.
fn data_roots(records: &[Record]) -> BTreeMap<&str, Vec<&str>> {
    let mut data: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.kind == Kind::Data) {
        data.entry(record.run.as_deref().unwrap_or_default()).or_default().push(&record.sha256);
    }
    data
}
