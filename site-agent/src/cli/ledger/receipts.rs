//! The coordinator's signed receipts beside the ledger: compared by `ledger verify`, and written to a file by
//! `ledger receipts` for `deploy/verify_ledger.py`. Run by `cli::ledger`. Invariant: a receipt counts only if
//! it is this site's and the coordinator's key signed it.

use std::path::Path;

use common::durable;
use common::id::Digest;
use common::ledger::{self, Compared, Record};
use common::wire::message::{LedgerHead, Receipt, ReceiptBody};
use serde_json::{Value, json};

use crate::error::SiteError;
use crate::gateway::identity::{Coordinator, Identity};
use crate::gateway::memory;
use crate::gateway::store::Store;
use crate::gateway::store::memory::Said;
use crate::paths::StateFolder;

/// What the coordinator's words say of a ledger.
pub(super) struct Beside {
    pub(super) compared: Compared,
    /// How many records the coordinator took.
    pub(super) taken: Option<u64>,
    /// Decisions of the privacy officer.
    pub(super) epochs: usize,
}

/// What this site knows of its ledger. Read before the ledger: a running agent adds a record first, and knows
/// of it afterwards.
pub(super) struct Knowledge {
    taken: Option<LedgerHead>,
    receipts: Vec<Receipt>,
    said: Option<Said>,
    epochs: usize,
}

/// Reads it. `None` where there is no database.
///
/// # Errors
/// `Store`; `Data` for a receipt that is not signed; `Io`.
pub(super) fn knowledge(folder: &StateFolder) -> Result<Option<Knowledge>, SiteError> {
    if !folder.database().exists() {
        eprintln!("note: there is no database of this site, so nothing was compared with receipts");
        return Ok(None);
    }
    let store = Store::open_to_read(&folder.database())?;
    let receipts = store.receipts()?;
    if !receipts.is_empty() {
        let coordinator = Identity::load(&folder.identity())?.coordinator;
        receipts.iter().try_for_each(|receipt| must_be_signed(&coordinator, receipt))?;
    }
    let said = store.said()?.map(|(said, _)| said);
    Ok(Some(Knowledge { taken: store.taken_ledger()?, receipts, said, epochs: store.epochs()?.len() }))
}

/// Compares an intact ledger with the receipts and with what the coordinator said last.
///
/// # Errors
/// `LedgerBehind` for what does not fit, `LedgerRefused` where the coordinator does not take it.
pub(super) fn compare(path: &Path, records: &[Record], known: &Knowledge) -> Result<Beside, SiteError> {
    let behind = |reason: String| SiteError::LedgerBehind { path: path.to_path_buf(), reason };
    let Knowledge { taken, receipts, said, epochs } = known;
    if let Some(reason) = taken.and_then(|taken| memory::differs_from_taken(records, &taken)) {
        return Err(behind(reason));
    }
    let bodies: Vec<ReceiptBody> = receipts.iter().map(|receipt| receipt.body).collect();
    let compared = ledger::compare(records, &bodies).map_err(|error| behind(error.to_string()))?;
    if *said == Some(Said::LedgerRefused) {
        return Err(SiteError::LedgerRefused);
    }
    Ok(Beside { compared, taken: taken.map(|taken| taken.size), epochs: *epochs })
}

fn must_be_signed(coordinator: &Coordinator, receipt: &Receipt) -> Result<(), SiteError> {
    let body = &receipt.body;
    let is_ours = body.site == Digest::of(coordinator.site.as_str().as_bytes());
    if is_ours && coordinator.receipt_public_key().verify(&body.signed_bytes(), &receipt.signature).is_ok() {
        return Ok(());
    }
    Err(SiteError::Data {
        sentence: format!(
            "the receipt of run {}, round {} in the database is not signed by the coordinator",
            body.key.run, body.key.round
        ),
        hint: Some("keep the state folder as it is and show it to the privacy officer".into()),
    })
}

/// Writes the receipts to a file that Python reads.
///
/// # Errors
/// `Store`, `Io`.
pub(super) fn export(folder: &StateFolder, out: &Path) -> Result<(), SiteError> {
    let coordinator = Identity::load(&folder.identity())?.coordinator;
    let store = Store::open_to_read(&folder.database())?;
    let receipts = store.receipts()?;
    let taken = store.taken_ledger()?;
    let file = json!({
        "site": coordinator.site,
        "receipt_key": coordinator.receipt_key.to_string(),
        "taken": taken.map(|head| json!({ "size": head.size, "root": head.root.to_string() })),
        "receipts": receipts.iter().map(as_json).collect::<Vec<_>>(),
    });
    let text = serde_json::to_vec_pretty(&file).map_err(|error| SiteError::Internal(error.to_string()))?;
    durable::write(out, &text, durable::ORDINARY).map_err(SiteError::at(out))?;
    println!("{} receipts written to {}", receipts.len(), out.display());
    Ok(())
}

fn as_json(receipt: &Receipt) -> Value {
    let body = &receipt.body;
    json!({
        "run": body.key.run.to_string(),
        "round": body.key.round.0,
        "digest": body.digest.to_string(),
        "bytes": body.bytes,
        "first_sequence": body.first_sequence,
        "last_sequence": body.last_sequence,
        "received_bytes": body.received_bytes,
        "running_hash": body.running_hash.to_string(),
        "signature": receipt.signature.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
    })
}
