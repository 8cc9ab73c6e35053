//! The coordinator's signed receipts beside the ledger: compared by `ledger verify`, and written to a file by
//! `ledger receipts` for `deploy/verify_ledger.py`. Run by `cli::ledger`. Invariant: a receipt counts only if
//! it is this site's and the coordinator's key signed it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use common::durable;
use common::id::Digest;
use common::ledger::{self, Compared, LedgerError, Reading, ReceiptError, Record, Summary};
use common::run::signature_to_digits;
use common::wire::message::{LedgerHead, Receipt, RoundKey};
use serde_json::{Value, json};

use crate::cli::support::tell;
use crate::error::SiteError;
use crate::gateway::decisions::{Decider, Standing};
use crate::gateway::identity::Coordinator;
use crate::gateway::memory;
use crate::gateway::store::Store;
use crate::gateway::store::memory::{Epoch, Said};
use crate::paths::StateFolder;

/// What is known of a ledger elsewhere says of it.
#[derive(Default)]
pub(super) struct Beside {
    pub(super) compared: Compared,
    /// What the coordinator took.
    pub(super) taken: Option<LedgerHead>,
    /// Decisions of the privacy officer.
    pub(super) decisions: usize,
    /// Why the ledger is refused; empty if it is not.
    pub(super) reasons: Vec<String>,
    /// The receipts among the reasons.
    pub(super) unfit: Vec<RoundKey>,
    /// Whether the coordinator knows another ledger than this one.
    pub(super) is_another: bool,
    /// The coordinator's last word was that it knows another one.
    pub(super) is_refused: bool,
}

/// What this site knows of its ledger. Read before the ledger: a running agent adds a record first, and knows
/// of it afterwards.
pub(super) struct Knowledge {
    pub(super) taken: Option<LedgerHead>,
    pub(super) standing: Standing,
    /// Receipts that the coordinator's key did not sign.
    pub(super) unsigned: Vec<RoundKey>,
    said: Option<Said>,
}

impl Beside {
    /// Whether the ledger fits all of it.
    pub(super) fn is_verified(&self) -> bool {
        self.reasons.is_empty() && !self.is_refused
    }
}

/// Reads it. `None` where there is no database.
///
/// # Errors
/// `Store`, `Io`, `Data`.
pub(super) fn knowledge(folder: &StateFolder) -> Result<Option<Knowledge>, SiteError> {
    if !folder.database().exists() {
        eprintln!("note: there is no database of this site, so nothing was compared with receipts");
        return Ok(None);
    }
    let store = Store::open_to_read(&folder.database())?;
    let mut standing = Decider::of(folder)?.standing(&store)?;
    let mut unsigned = Vec::new();
    if !(standing.receipts.is_empty() && standing.set_aside.is_empty()) {
        let coordinator = Coordinator::load(&folder.identity())?;
        // No ledger can fit one of these.
        standing.set_aside.retain(|receipt| is_signed(&coordinator, receipt));
        standing.receipts.retain(|receipt| {
            let is_signed = is_signed(&coordinator, receipt);
            if !is_signed {
                unsigned.push(receipt.body.key);
            }
            is_signed
        });
    }
    let said = store.said()?.map(|(said, _)| said);
    Ok(Some(Knowledge { taken: store.taken_ledger()?, standing, unsigned, said }))
}

/// Compares an intact ledger with the receipts and with what the coordinator said last.
pub(super) fn compare(records: &[Record], known: &Knowledge) -> Beside {
    let Knowledge { taken, standing, unsigned, said } = known;
    let bodies = |receipts: &[Receipt]| receipts.iter().map(|receipt| receipt.body).collect::<Vec<_>>();
    let compared = ledger::compare(records, &bodies(&standing.receipts), &bodies(&standing.set_aside));
    let differs = taken.and_then(|taken| memory::differs_from_taken(records, &taken));
    let is_missing = |error: &ReceiptError| matches!(error, ReceiptError::Missing { .. });
    let is_another = differs.is_some() || compared.unfit.iter().any(is_missing);
    let unsigned_words = unsigned.iter().map(|RoundKey { run, round }| {
        format!("the receipt of run {run}, round {round} is not signed by the coordinator")
    });
    let reasons = standing
        .doubt
        .iter()
        .cloned()
        .chain(differs)
        .chain(compared.unfit.iter().map(ToString::to_string))
        .chain(unsigned_words)
        .collect();
    let unfit = compared.unfit.iter().map(ReceiptError::key).chain(unsigned.iter().copied()).collect();
    Beside {
        compared,
        taken: *taken,
        decisions: standing.decisions,
        reasons,
        unfit,
        is_another,
        is_refused: *said == Some(Said::LedgerRefused),
    }
}

fn is_signed(coordinator: &Coordinator, receipt: &Receipt) -> bool {
    let body = &receipt.body;
    body.site == Digest::of(coordinator.site.as_str().as_bytes())
        && coordinator.receipt_public_key().verify(&body.signed_bytes(), &receipt.signature).is_ok()
}

/// Reads and verifies. An incomplete last line is not a fault: a running gateway may be in the middle of it,
/// and one that a crash left there was never followed by a send and will be cut off at the next start.
pub(in crate::cli) fn read(path: &Path) -> Result<(Vec<Record>, Summary), SiteError> {
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

/// Writes the receipts to a file that Python reads.
///
/// # Errors
/// `Store`, `Io`.
pub(super) fn export(folder: &StateFolder, out: &Path, json: bool) -> Result<(), SiteError> {
    let coordinator = Coordinator::load(&folder.identity())?;
    let store = Store::open_to_read(&folder.database())?;
    let Standing { receipts, mut set_aside, .. } = Decider::of(folder)?.standing(&store)?;
    set_aside.retain(|receipt| is_signed(&coordinator, receipt));
    let taken = store.taken_ledger()?;
    let decisions = store.epochs()?;
    let file = json!({
        "site": coordinator.site,
        "receipt_key": coordinator.receipt_key.to_string(),
        "taken": taken.map(|head| json!({ "size": head.size, "root": head.root.to_string() })),
        "receipts": receipts.iter().map(as_json).collect::<Vec<_>>(),
        "set_aside": set_aside.iter().map(as_json).collect::<Vec<_>>(),
        "decisions": decisions.iter().map(decision).collect::<Vec<_>>(),
    });
    let text = serde_json::to_vec_pretty(&file).map_err(|error| SiteError::Internal(error.to_string()))?;
    durable::write(out, &text, durable::ORDINARY).map_err(SiteError::at(out))?;
    let document = json!({
        "path": out.display().to_string(),
        "receipts": receipts.len(),
        "set_aside": set_aside.len(),
        "decisions": decisions.len(),
    });
    tell(json, &document, || println!("{} receipts written to {}", receipts.len(), out.display()))
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
        "signature": signature_to_digits(&receipt.signature),
    })
}

fn decision(epoch: &Epoch) -> Value {
    let set_aside = epoch.set_aside.iter();
    json!({
        "at_ms": epoch.at_ms,
        "size": epoch.head.size,
        "root": epoch.head.root.to_string(),
        "set_aside": set_aside
            .map(|key| json!({ "run": key.run.to_string(), "round": key.round.0 }))
            .collect::<Vec<_>>(),
        "signature": epoch.signature.as_ref().map(signature_to_digits),
    })
}
