//! Heads of the log of acts for others, and for witnesses: `coordinator acts head`, `prove` and `cosign`.
//! Called by `cli::acts`. Invariants: a head is shown only if the log's key signed it; what a witness
//! cosigned is kept only if the log has it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use certs::WitnessVerifier;
use certs::limits::NOTE_BYTES_MAX;
use cli::witness::{CosignedHead, CosignedHeads, Done, Witness, write_file};
use common::clock::{Clock as _, SystemClock, Timestamp};
use common::durable;
use common::id::Digest;
use common::ledger::{AddCheckpoint, Checkpoint};
use common::limits::WITNESS_HASHES_MAX;
use common::wire::message::LedgerHead;
use serde_json::json;

use super::source::{key, newest};
use crate::admin::acts::{Acts, read_head};
use crate::admin::client::Door;
use crate::admin::message::{Answer, Command};
use crate::cli::{offline, output};
use crate::error::{Error, Result};

pub(super) fn head(door: &Door, out: Option<&Path>, as_json: bool) -> Result<()> {
    let (note, key) = (newest(door)?, key(door)?);
    let head = read_head(note.as_bytes(), &key)?;
    if let Some(path) = out {
        durable::write(path, note.as_bytes(), durable::ORDINARY).map_err(Error::io("write", path))?;
        eprintln!("wrote {}", path.display());
    }
    if as_json {
        let (name, key) = (key.name().to_owned(), key.to_text());
        let text = Checkpoint { name, head }.to_string();
        return output::print_json(&json!({ "checkpoint": text, "note": note, "key": key }));
    }
    if out.is_none() { output::print_line(note.trim_end()) } else { Ok(()) }
}

/// Keeps a head that a witness cosigned. It is no act: a line of it would move the head that was cosigned.
pub(super) fn keep(door: &Door, file: &Path, witness: &str, as_json: bool) -> Result<()> {
    let (acts, key) = (Acts::open(door.here()?)?, key(door)?);
    let (note, witness) = (bounded(file)?, WitnessVerifier::parse(witness)?);
    let head = read_head(note.as_bytes(), &key)?;
    acts.verify(&[head], |_| ())?;
    let CosignedHead { at_s, head: LedgerHead { size, root }, .. } =
        CosignedHeads::open(&acts.cosigned())?.take(&note, &key, &witness)?;
    let at = Timestamp(at_s.saturating_mul(1_000)).rfc3339();
    // As `acts head --json` without it, so that both have one schema.
    let checkpoint = Checkpoint { name: key.name().to_owned(), head: LedgerHead { size, root } }.to_string();
    let document = json!({ "checkpoint": checkpoint, "note": note, "key": key.to_text() });
    output::tell(as_json, &document, || {
        eprintln!("kept: {} cosigned the first {size} lines on {at}", witness.name());
    })
}

/// The heads that witnesses cosigned, as the coordinator keeps them; nothing of it is believed yet.
pub(super) fn kept(door: &Door) -> Result<Vec<String>> {
    match offline::books(door, &Command::ActsCosigned)? {
        Answer::ActsCosigned { notes } => Ok(notes),
        _ => Err(offline::unexpected()),
    }
}

fn proof(door: &Door, from: u64) -> Result<(String, Vec<Digest>)> {
    match offline::books(door, &Command::ActsProof { from })? {
        Answer::ActsProof { note, hashes } if hashes.len() <= WITNESS_HASHES_MAX => Ok((note, hashes)),
        _ => Err(offline::unexpected()),
    }
}

pub(super) fn prove(door: &Door, from: u64, out: Option<(&Path, bool)>, as_json: bool) -> Result<()> {
    let (note, hashes) = proof(door, from)?;
    let key = key(door)?;
    let LedgerHead { size, root } = read_head(note.as_bytes(), &key)?;
    if from > size {
        return Err(Error::Argument {
            message: format!("the log has {size} lines, and none can be proved to extend {from}"),
            hint: "ask the witness which size it cosigned: if it is larger, this log was cut, or restored from an \
                   older copy"
                .into(),
        });
    }
    let count = hashes.len();
    let text = AddCheckpoint { old: from, hashes, note }.to_text();
    if let Some((path, replace)) = out {
        write_file(path, replace, &text)?;
        eprintln!("wrote {}: {size} lines, from {from}; the key is {key}", path.display());
    }
    if as_json {
        let path = out.map(|(path, _)| path.display().to_string());
        return output::print_json(&json!({
            "from": from,
            "size": size,
            "root": root.to_string(),
            "hashes": count,
            "key": key.to_text(),
            "path": path,
            "request": text,
        }));
    }
    if out.is_none() { output::print_line(text.trim_end()) } else { Ok(()) }
}

pub(super) fn cosign(
    door: &Door,
    witness: &Witness,
    is_first: bool,
    out: Option<(&Path, bool)>,
    as_json: bool,
) -> Result<()> {
    let key = key(door)?;
    // Told at `coordinator enrol`. A person says that nothing was cosigned before: a memory that was lost
    // would else begin anew in silence.
    if is_first {
        // In a line that is run every day it would begin anew what was lost.
        if witness.size_of(key.name())? > 0 {
            return Err(Error::Argument {
                message: format!("this witness has cosigned heads of {}", key.name()),
                hint: "leave --first out: it is for the first time only".into(),
            });
        }
        witness.trust(&key, false)?;
    } else if !witness.knows(key.name())? {
        return Err(Error::Argument {
            message: format!("this witness knows no log called {}", key.name()),
            hint: "the first time add --first. If it cosigned this log before, its memory is lost: restore the folder \
                   as it was after the last cosignature, or go on as another witness in a new folder"
                .into(),
        });
    }
    let old = witness.size_of(key.name())?;
    let (note, hashes) = proof(door, old)?;
    let cosigned = witness.cosign(&AddCheckpoint { old, hashes, note }, SystemClock.now())?;
    told(cosigned.told(witness, out, as_json)?)
}

/// Prints what a command of a witness did.
pub(in crate::cli) fn told(done: Done) -> Result<()> {
    if done.as_json { output::print_json(&done.document) } else { output::print_line(done.text.trim_end()) }
}

/// A signed note in a file.
pub(super) fn bounded(path: &Path) -> Result<String> {
    let mut text = String::new();
    let file = File::open(path).map_err(Error::io("read", path))?;
    let most = NOTE_BYTES_MAX as u64 + 1;
    file.take(most).read_to_string(&mut text).map_err(Error::io("read", path))?;
    Ok(text)
}
