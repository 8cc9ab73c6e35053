//! Where heads and lines of the log of acts come from, here or from afar. Called by the rest of `cli::acts`.
//! Invariant: nothing of it is believed before it is verified with `key`.

use certs::{ReceiptPublicKey, VerifierKey};

use crate::admin::acts::log_name;
use crate::admin::client::Door;
use crate::admin::message::{Answer, Command};
use crate::cli::offline;
use crate::error::Result;
use crate::state_folder::identity::receipt_key;

/// What its heads are verified with.
pub(super) fn key(door: &Door) -> Result<VerifierKey> {
    let key = match door {
        Door::Here(folder) => receipt_key(folder)?.public_key()?,
        Door::There(context) => context.receipt_key,
    };
    of(&key)
}

pub(super) fn of(key: &ReceiptPublicKey) -> Result<VerifierKey> {
    Ok(VerifierKey::new(&log_name(key), *key.as_bytes())?)
}

pub(super) fn newest(door: &Door) -> Result<String> {
    match offline::books(door, &Command::ActsHead)? {
        Answer::ActsHead { note } => Ok(note),
        _ => Err(offline::unexpected()),
    }
}

pub(super) fn lines(door: &Door, from: u64) -> Result<Vec<String>> {
    match offline::books(door, &Command::Acts { from })? {
        Answer::Acts { lines } => Ok(lines),
        _ => Err(offline::unexpected()),
    }
}
