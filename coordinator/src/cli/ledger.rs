//! `coordinator ledger`: what arrived from a site, the mirror image of its ledger. Called by `cli`.
//! Invariants: it changes nothing of the consortium, and works with and without a running `serve`; a file
//! appears whole and is signed.

use std::path::{Path, PathBuf};

use certs::ReceiptSigningKey;
use common::clock::{Clock, SystemClock};
use common::durable;
use common::ledger::{ArrivalsError, ArrivalsWriter, Arrived, Heading};
use common::page::grouped;

use super::{offline, output};
use crate::admin::books::arrived;
use crate::admin::client::Door;
use crate::admin::consortium::Head;
use crate::admin::listed::{Arrivals, Sum};
use crate::admin::message::{Answer, Command};
use crate::error::{Error, Result};
use crate::state_folder::identity::receipt_key;
use crate::store::Store;

const MANUAL: &str = "\
Show what arrived from a site since it joined or its ledger was accepted anew:
frames and bytes by kind, and the size and root of the ledger that was taken
last.

--out writes every frame with its number, kind, bytes and SHA-256 to a file,
signed with this coordinator's receipt key. The site's privacy officer
compares it with the site's own ledger:

  site-agent ledger reconcile FILE

That names a frame that arrived here and is not in their ledger, and one whose
bytes are others. Frames that were lost on the way are in their ledger only.
The file holds no content of any frame.

Examples:
  coordinator ledger cardiology
  coordinator ledger cardiology --out cardiology.arrivals";

/// Show what arrived from a site, or write it for its officer
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Its name
    site: String,
    /// Write the signed list to this file, replacing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let arrivals = match &arguments.out {
        None => match offline::books(door, &Command::Ledger { site: arguments.site.clone() })? {
            Answer::Ledger { arrivals } => arrivals,
            _ => return Err(offline::unexpected()),
        },
        // Every frame of years: too much to travel.
        Some(path) => {
            let folder = door.here()?;
            let store = Store::open(&folder.database())?;
            let key = receipt_key(folder)?;
            let (heading, frames) = arrived(&key.public_key()?, &store, &arguments.site, SystemClock.now())?;
            write(path, &heading, &frames, &key)?;
            Arrivals { out: Some(path.display().to_string()), ..Arrivals::of(&heading, &frames) }
        }
    };
    if arguments.json {
        return output::print_json(&arrivals);
    }
    print(&arrivals)?;
    if let Some(path) = &arrivals.out {
        eprintln!("wrote {path}, signed with the receipt key {}", arrivals.receipt_key);
    }
    Ok(())
}

fn print(arrivals: &Arrivals) -> Result<()> {
    output::print_line(&format!("{:<17}{:>12}{:>22}", "kind", "frames", "bytes"))?;
    let all = Sum { frames: arrivals.frames, bytes: arrivals.bytes };
    let kinds = arrivals.kinds.iter().map(|(kind, sum)| (kind.as_str(), *sum));
    for (kind, sum) in kinds.chain([("total", all)]) {
        let (count, bytes) = (grouped(sum.frames), grouped(sum.bytes));
        output::print_line(&format!("{kind:<17}{count:>12}{bytes:>22}"))?;
    }
    if let (Some(first), Some(last)) = (arrivals.first_sequence, arrivals.last_sequence) {
        output::print_line(&format!("records {first} to {last} of its ledger"))?;
    }
    match &arrivals.taken {
        Some(Head { size, root }) => {
            output::print_line(&format!("taken: the first {size} records of its ledger, root\n{root}"))
        }
        None => output::print_line("no ledger of this site was taken yet"),
    }
}

/// Writes the file, whole or not at all.
fn write(path: &Path, heading: &Heading, frames: &[Arrived], keys: &ReceiptSigningKey) -> Result<()> {
    let internal = |error: ArrivalsError| Error::Internal(error.to_string());
    let mut writer = ArrivalsWriter::begin(Vec::new(), heading).map_err(internal)?;
    for frame in frames {
        writer.frame(frame).map_err(internal)?;
    }
    let signature = keys.sign(&writer.statement())?;
    let bytes = writer.finish(&signature).map_err(internal)?;
    durable::write(path, &bytes, durable::ORDINARY).map_err(Error::io("write", path))
}
