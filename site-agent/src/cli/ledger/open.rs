//! `site-agent ledger open`: what is in one frame that left, from its escrow. Offline. Run by `cli::ledger`.
//! Invariants: what is shown has the length and the hash that the ledger has; an update is shown only if its
//! pieces are all there and are the one that was offered.

mod update;

use std::fs::File;
use std::path::{Path, PathBuf};

use certs::AgeIdentity;
use certs::age::open;
use cli::keys;
use common::id::Digest;
use common::ledger::{Kind, Record};
use common::page::grouped;
use common::private::passphrase::Passphrase;
use common::private::read_file;
use common::wire::frame::{self, PREFIX_BYTES};
use common::wire::message::{Envelope, Request};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use self::update::Update;
use super::receipts;
use crate::cli::support::{State, Unlock, print_json};
use crate::cli::table;
use crate::error::SiteError;
use crate::gateway::escrow::days::{self as escrow, Day};
use crate::limits::KEY_BYTES_MAX;
use crate::waiver::key_error;

pub(super) const EXAMPLES: &str = "\
Examples:
  site-agent ledger open 412 --key escrow.key
  site-agent ledger open 412 --key escrow.key --json | jq .message

`ledger show` has the numbers. Of a piece of an update the whole update is shown, as far as all its pieces are kept: each \
tensor's name, shape, norm, and how its values are spread. Exit code 1 where the frame is not the one of the ledger. The \
officer can copy the state folder's ledger/ and escrow/ to a machine of their own and open it there: the key need not come here.";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The record's number.
    #[arg(value_name = "SEQ")]
    sequence: u64,
    /// The officer's private key, as `ledger escrow new-key` or age-keygen wrote it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    unlock: Unlock,
    #[command(flatten)]
    state: State,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A frame that was opened and is the ledger's.
struct Opened {
    request: Request,
    payload: Zeroizing<Vec<u8>>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    let identity = identity(&arguments.key, &arguments.unlock.passphrase())?;
    let (records, _) = receipts::read(&folder.ledger())?;
    let at = usize::try_from(arguments.sequence).unwrap_or(usize::MAX);
    let Some(record) = records.get(at) else {
        let sentence = format!("the ledger has no record {}", arguments.sequence);
        return Err(SiteError::data(&sentence, "`site-agent ledger show` prints the numbers"));
    };
    if record.is_note() {
        return Err(SiteError::data(
            "with this record nothing left: it is a note",
            "choose a record with bytes",
        ));
    }
    let days = escrow::days(&folder.escrow()).map_err(SiteError::at(&folder.escrow()))?;
    let opened = opened(&days, record, &identity)?;
    let update = match &opened.request {
        Request::Chunk { digest, .. } => Some(whole(&days, &records, *digest, record, &identity)?),
        _ => None,
    };
    if arguments.json {
        return print_json(&json!({
            "sequence": record.sequence,
            "time_ms": record.time_ms,
            "kind": record.kind.word(),
            "length": record.length,
            "sha256": record.sha256,
            "message": fields(&opened.request)?,
            "payload_bytes": opened.payload.len(),
            "update": update,
        }));
    }
    print(record, &opened, update.as_ref());
    Ok(())
}

/// The message's fields: its name is the record's kind.
fn fields(request: &Request) -> Result<Value, SiteError> {
    let message = serde_json::to_value(request).map_err(|error| SiteError::Internal(error.to_string()))?;
    let Value::Object(named) = message else { return Ok(Value::Null) };
    Ok(named.into_iter().next().map_or(Value::Null, |(_, fields)| fields))
}

fn identity(path: &Path, passphrase: &Passphrase) -> Result<AgeIdentity, SiteError> {
    let bytes = read_file(path, KEY_BYTES_MAX).map_err(|error| SiteError::config(path, error.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| SiteError::config(path, error.to_string()))?;
    let text = keys::opened(path, Zeroizing::new(text.to_owned()), passphrase)?;
    AgeIdentity::parse(&text).map_err(key_error)
}

/// The newest kept frame of this number that is the record's.
fn opened(days: &[Day], record: &Record, identity: &AgeIdentity) -> Result<Opened, SiteError> {
    let mut others = 0;
    for day in days.iter().rev() {
        let at = SiteError::at(&day.path);
        let mut file = File::open(&day.path).map_err(&at)?;
        let (entries, _) = escrow::entries(&mut file).map_err(&at)?;
        for entry in entries.into_iter().rev().filter(|entry| entry.sequence == record.sequence) {
            let sealed = escrow::read(&mut file, entry).map_err(&at)?;
            let bytes = open(identity, &sealed).map_err(|error| {
                let sentence = format!("record {} of {}: {error}", record.sequence, day.path.display());
                SiteError::data(&sentence, error.hint().unwrap_or("restore the file from a backup"))
            })?;
            if bytes.len() as u64 == record.length && Digest::of(&bytes).to_string() == record.sha256 {
                return decoded(&bytes);
            }
            others += 1;
        }
    }
    let sequence = record.sequence;
    if others > 0 {
        let sentence =
            format!("the frame that was kept of record {sequence} has not the bytes that the ledger names");
        return Err(SiteError::data(
            &sentence,
            "keep ledger and escrow as they are: one of them was changed",
        ));
    }
    Err(SiteError::data(
        &format!("no frame was kept of record {sequence}"),
        "`site-agent ledger escrow list` names what is kept; the request to join never is",
    ))
}

fn decoded(bytes: &[u8]) -> Result<Opened, SiteError> {
    let odd =
        || SiteError::data("the frame is none of this program's", "open it with the version that sent it");
    let (prefix, rest) = bytes.split_first_chunk::<PREFIX_BYTES>().ok_or_else(odd)?;
    let length = frame::body_length(*prefix).map_err(|_| odd())?;
    let (body, payload) = rest.split_at_checked(length).ok_or_else(odd)?;
    let Envelope { request, .. } = frame::from_body(body).map_err(|_| odd())?;
    Ok(Opened { request, payload: Zeroizing::new(payload.to_vec()) })
}

/// The update that the pieces of these records make, of the record's run and round.
fn whole(
    days: &[Day],
    records: &[Record],
    digest: Digest,
    record: &Record,
    identity: &AgeIdentity,
) -> Result<Update, SiteError> {
    let is_piece =
        |one: &&Record| one.kind == Kind::Chunk && (&one.run, one.round) == (&record.run, record.round);
    let mut pieces = update::Pieces::default();
    for one in records.iter().filter(is_piece) {
        // A piece that is not kept any more makes the update incomplete, and no fault.
        if let Ok(Opened { request: Request::Chunk { digest: of, offset, .. }, payload }) =
            opened(days, one, identity)
            && of == digest
        {
            pieces.put(offset, &payload);
        }
    }
    Ok(pieces.update(digest))
}

fn print(record: &Record, opened: &Opened, update: Option<&Update>) {
    println!("record   {}, {}, of {}", record.sequence, record.kind.word(), table::utc(record.time_ms));
    println!("bytes    {}, SHA-256 {}: as in the ledger", grouped(record.length), record.sha256);
    println!("message  {:#?}", opened.request);
    if !opened.payload.is_empty() {
        println!("payload  {} bytes follow it", grouped(opened.payload.len() as u64));
    }
    if let Some(update) = update {
        update.print();
    }
}
