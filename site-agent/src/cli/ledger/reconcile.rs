//! `site-agent ledger reconcile`: this site's ledger beside what arrived at the coordinator, frame by frame,
//! and beside what was counted on the wire (`wire`). Offline. Run by `cli::ledger`. Invariants: the list
//! counts only if the coordinator's key signed it for this site; the ledger is verified first.

mod wire;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use common::clock::Timestamp;
use common::ledger::{Arrivals, ArrivalsError, KindTotal, Reconciled, reconcile};
use common::page::grouped;
use serde_json::json;

use super::receipts;
use crate::cli::support::{State, print_json};
use crate::error::SiteError;
use crate::gateway::identity::Coordinator;
use crate::limits::FAULTS_SHOWN_MAX;
use crate::paths::StateFolder;

pub(super) const EXAMPLES: &str = "\
Example:
  At the coordinator:
    coordinator ledger cardiology --out cardiology.arrivals
  Here:
    site-agent ledger reconcile cardiology.arrivals

  What left by this machine's own count, with or without that list:
    site-agent ledger reconcile --wire
  With the kernel's rules for the agent's user (deploy/nftables-site.nft):
    sudo nft -j list counters > counters.json
    site-agent ledger reconcile --wire --counters counters.json

The list is signed by the coordinator. What is in the ledger and not in the list left this hospital and did not arrive, or was not \
counted: that happens when a line breaks. What is in the list and not in the ledger left without a record, or the ledger was \
changed afterwards: exit code 1, and every such record is named. A coordinator that leaves frames out of its list cannot be \
told from a line that lost them.

--wire compares three counts: the ledger's bytes, what the QUIC transport counted of each connection, and what the kernel \
counted. The transport may have sent at most the ledger's bytes, one in sixteen again, what it counts as lost, 80 bytes for \
each datagram and 16 KiB for each connection. The kernel counts datagrams of the whole network namespace, so other programs \
are in it: only with --alone is more a fault. It keeps no count of bytes for a control group. What left since the last count, \
at most a minute before a power cut, is said and not compared.";

/// Compare the ledger with the list of what arrived that the coordinator's operator sent, or with what was
/// counted on the wire.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// What `coordinator ledger SITE --out FILE` wrote.
    #[arg(value_name = "FILE", required_unless_present = "wire")]
    file: Option<PathBuf>,
    #[command(flatten)]
    state: State,
    #[command(flatten)]
    wire: wire::Options,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open_joined()?;
    let arrivals = arguments.file.as_deref().map(|file| signed(&folder, file)).transpose()?;
    let wire = arguments.wire.read(&folder)?;
    let (records, _) = receipts::read(&folder.ledger())?;
    let found = arrivals.map(|arrivals| {
        let found = reconcile(&records, &arrivals);
        (arrivals, found)
    });
    let wire = wire.map(|read| read.compare(&records));
    if arguments.json {
        let mut document = found.as_ref().map_or_else(|| json!({}), |(list, found)| as_document(list, found));
        if let Some(wire) = &wire {
            document["wire"] = wire.as_document();
        }
        print_json(&document)?;
    } else {
        if let Some((arrivals, found)) = &found {
            print(arrivals, found);
        }
        if let Some(wire) = &wire {
            wire.print();
        }
    }
    let is_refuted = found.is_some_and(|(_, found)| !found.faults.is_empty());
    match wire.map(|wire| wire.verdict()) {
        Some(verdict) if !is_refuted => return verdict,
        Some(Err(error)) => eprintln!("and {error}"),
        _ => {}
    }
    if !is_refuted {
        return Ok(());
    }
    Err(SiteError::data(
        "what arrived at the coordinator is not what this ledger says",
        "keep both files as they are; the privacy officer and the coordinator's operator have to find out which is true",
    ))
}

/// The list, if the coordinator of this site signed it for this site.
fn signed(folder: &StateFolder, path: &Path) -> Result<Arrivals, SiteError> {
    let file = File::open(path).map_err(|source| SiteError::unreadable(path, source))?;
    let refuse = |reason: String| SiteError::Data {
        sentence: format!("{} is not usable: {reason}", path.display()),
        hint: Some(
            "ask the coordinator's operator for the file that `coordinator ledger SITE --out FILE` writes"
                .into(),
        ),
    };
    let arrivals = Arrivals::read(BufReader::new(file)).map_err(|error| match error {
        ArrivalsError::Io(source) => SiteError::io(path, source),
        other => refuse(other.to_string()),
    })?;
    let coordinator = Coordinator::load(&folder.identity())?;
    let key = coordinator.receipt_public_key();
    if arrivals.heading.receipt_key != coordinator.receipt_key
        || key.verify(&arrivals.statement, &arrivals.signature).is_err()
    {
        return Err(refuse("it is not signed by the coordinator that this site knows".into()));
    }
    if arrivals.heading.site != coordinator.site {
        return Err(refuse(format!("it is the list of another site, {}", arrivals.heading.site)));
    }
    Ok(arrivals)
}

fn as_document(arrivals: &Arrivals, found: &Reconciled) -> serde_json::Value {
    let kinds: serde_json::Map<_, _> = found
        .not_arrived
        .iter()
        .map(|(kind, total)| {
            (kind.word().to_owned(), json!({ "frames": total.frames, "bytes": total.bytes }))
        })
        .collect();
    let faults: Vec<_> = found.faults.iter().take(FAULTS_SHOWN_MAX).map(ToString::to_string).collect();
    json!({
        "agrees": found.faults.is_empty(),
        "written_at": Timestamp(arrivals.heading.at_ms).rfc3339(),
        "same": { "frames": found.same.frames, "bytes": found.same.bytes },
        "not_arrived": kinds,
        "outside": found.outside,
        "faults": { "count": found.faults.len(), "first": faults },
    })
}

fn print(arrivals: &Arrivals, found: &Reconciled) {
    let numbers =
        |total: &KindTotal| format!("{} frames, {} bytes", grouped(total.frames), grouped(total.bytes));
    println!("list         of {}", Timestamp(arrivals.heading.at_ms).rfc3339());
    println!("the same     {}", numbers(&found.same));
    let mut lost = KindTotal::default();
    for total in found.not_arrived.values() {
        lost.frames += total.frames;
        lost.bytes += total.bytes;
    }
    println!("not arrived  {}, or not counted", numbers(&lost));
    for (kind, total) in &found.not_arrived {
        println!("             {}: {}", kind.word(), numbers(total));
    }
    println!(
        "outside      {} frames of this ledger are older or newer than the list",
        grouped(found.outside)
    );
    for fault in found.faults.iter().take(FAULTS_SHOWN_MAX) {
        println!("FAULT        {fault}");
    }
    match found.faults.len() {
        0 => println!("what arrived is what this ledger says"),
        count if count > FAULTS_SHOWN_MAX => println!("and {} more", count - FAULTS_SHOWN_MAX),
        _ => {}
    }
}
