//! `coordinator ledger`: what arrived from a site, the mirror image of its ledger. Called by `cli`.
//! Invariants: it changes nothing of the consortium, and works with and without a running `serve`; a file
//! appears whole and is signed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use certs::ReceiptSigningKey;
use common::clock::{Clock, SystemClock};
use common::durable;
use common::id::Digest;
use common::ledger::{ArrivalsError, ArrivalsWriter, Arrived, Heading, Kind, KindTotal};
use common::limits::ARRIVALS_MAX;
use common::page::grouped;
use common::wire::message::LedgerHead;
use serde_json::json;

use super::output;
use crate::admin::sites::{must_be_known, site_id};
use crate::error::{Error, Result};
use crate::state_folder::StateFolder;
use crate::state_folder::identity::receipt_key;
use crate::store::{ArrivedRow, Store};

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

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let store = Store::open(&folder.database())?;
    let site = must_be_known(&store, &site_id(&arguments.site)?)?.name;
    let keys = receipt_key(folder)?;
    let mut frames = Vec::new();
    store.arrivals(&site, |row| {
        if frames.len() as u64 >= ARRIVALS_MAX {
            return Err(Error::Argument {
                message: format!("{site} has sent more frames than a list may have"),
                hint: format!("a list has {ARRIVALS_MAX} frames; `coordinator sites --json` has their sum"),
            });
        }
        frames.push(arrived(row)?);
        Ok(())
    })?;
    let heading = Heading {
        receipt_key: Digest(*keys.public_key()?.as_bytes()),
        at_ms: SystemClock.now().0,
        taken: store.ledger_head(&site)?,
        frames: frames.len() as u64,
        site,
    };
    if let Some(path) = &arguments.out {
        write(path, &heading, &frames, &keys)?;
    }
    if arguments.json {
        return output::print_json(&document(&heading, &frames, arguments.out.as_deref()));
    }
    print(&heading, &frames)?;
    if let Some(path) = &arguments.out {
        eprintln!("wrote {}, signed with the receipt key {}", path.display(), heading.receipt_key);
    }
    Ok(())
}

fn arrived(row: &ArrivedRow) -> Result<Arrived> {
    let unknown = |_| Error::Internal(format!("the database has a frame of the kind {}", row.kind));
    let kind = serde_json::from_value(json!(row.kind)).map_err(unknown)?;
    Ok(Arrived { sequence: row.sequence, kind, length: row.bytes, sha256: row.sha256 })
}

fn totals(frames: &[Arrived]) -> (BTreeMap<Kind, KindTotal>, KindTotal) {
    let (mut kinds, mut all) = (BTreeMap::new(), KindTotal::default());
    for frame in frames {
        for total in [&mut all, kinds.entry(frame.kind).or_default()] {
            total.frames += 1;
            total.bytes = total.bytes.saturating_add(frame.length);
        }
    }
    (kinds, all)
}

fn document(heading: &Heading, frames: &[Arrived], out: Option<&Path>) -> serde_json::Value {
    let (kinds, all) = totals(frames);
    let of = |total: &KindTotal| json!({ "frames": total.frames, "bytes": total.bytes });
    let kinds: serde_json::Map<_, _> =
        kinds.iter().map(|(kind, total)| (kind.word().to_owned(), of(total))).collect();
    json!({
        "site": heading.site,
        "receipt_key": heading.receipt_key.to_string(),
        "taken": heading.taken.map(|head| json!({ "size": head.size, "root": head.root.to_string() })),
        "first_sequence": frames.first().map(|frame| frame.sequence),
        "last_sequence": frames.last().map(|frame| frame.sequence),
        "frames": all.frames,
        "bytes": all.bytes,
        "kinds": kinds,
        "out": out.map(|path| path.display().to_string()),
    })
}

fn print(heading: &Heading, frames: &[Arrived]) -> Result<()> {
    let (kinds, all) = totals(frames);
    output::print_line(&format!("{:<17}{:>12}{:>22}", "kind", "frames", "bytes"))?;
    let rows = kinds.iter().map(|(kind, total)| (kind.word(), total)).chain([("total", &all)]);
    for (kind, total) in rows {
        let (count, bytes) = (grouped(total.frames), grouped(total.bytes));
        output::print_line(&format!("{kind:<17}{count:>12}{bytes:>22}"))?;
    }
    if let (Some(first), Some(last)) = (frames.first(), frames.last()) {
        output::print_line(&format!("records {} to {} of its ledger", first.sequence, last.sequence))?;
    }
    match heading.taken {
        Some(LedgerHead { size, root }) => {
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
