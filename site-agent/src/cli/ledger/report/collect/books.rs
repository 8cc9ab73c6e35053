//! The ledger itself: as far as it holds, and beside the receipts and what the coordinator took, as `ledger
//! verify` compares them. Used by `collect`. Invariant: nothing is compared with a ledger that is broken.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;

use ::cli::keys;
use ::cli::witness::{CosignedHead, CosignedHeads};
use certs::VerifierKey;
use common::clock::Timestamp;
use common::ledger::{self, LedgerError, ReceiptError, Record, Tree};
use common::wire::message::RoundKey;

use crate::cli::consent::known::Known;
use crate::cli::ledger::receipts::{self, Beside, Knowledge};
use crate::cli::ledger::report::facts::{Acceptance, Head, Ledger, Newest, Receipt, Receipts, Witnessed};
use crate::cli::table;
use crate::error::SiteError;
use crate::gateway::decisions::Decider;
use crate::gateway::heads::{self, Signer};
use crate::limits::REPORT_NOTES_MAX;
use crate::paths::StateFolder;

/// The ledger's records, and what is known of them.
pub(super) struct Books {
    pub(super) records: Vec<Record>,
    broken: Option<String>,
    torn_bytes: u64,
    known: Option<Knowledge>,
    beside: Beside,
}

impl Books {
    /// Reads what is known, then the ledger up to where it breaks.
    ///
    /// # Errors
    /// `Store`, `Io`, `Data`.
    pub(super) fn open(folder: &StateFolder) -> Result<Self, SiteError> {
        let known = receipts::knowledge(folder)?;
        let path = folder.ledger();
        let mut records = Vec::new();
        let read = File::open(&path)
            .map_err(LedgerError::Io)
            .and_then(|file| ledger::read(BufReader::new(file), |record| records.push(record.clone())));
        let (broken, torn_bytes) = match read {
            Ok(reading) => (None, reading.torn_bytes),
            Err(LedgerError::Io(source)) if source.kind() == std::io::ErrorKind::NotFound => {
                (Some("there is no ledger".to_owned()), 0)
            }
            Err(LedgerError::Io(source)) => return Err(SiteError::io(&path, source)),
            Err(error) => (Some(error.to_string()), 0),
        };
        let beside = match (&broken, &known) {
            (None, Some(known)) => receipts::compare(&records, known),
            _ => Beside::default(),
        };
        Ok(Self { records, broken, torn_bytes, known, beside })
    }

    /// What the report says of it, but for what left.
    ///
    /// # Errors
    /// `Store`; `Io`, `Config` when the site's name cannot be read.
    pub(super) fn facts(&self, known: &Known) -> Result<Ledger, SiteError> {
        let mut tree = Tree::default();
        for record in &self.records {
            // A record that was read from its line has that line again.
            tree.append(&record.to_line().unwrap_or_default());
        }
        let at = |record: Option<&Record>| record.map(|record| table::utc(record.time_ms));
        let taken = self.known.as_ref().and_then(|known| known.taken);
        // A site without a key has a report, too.
        let identity = known.folder.identity();
        let key = Signer::find(&identity, known.folder.passphrase())
            .and_then(|signer| signer.map(|signer| signer.verifier()).transpose());
        // One that is sealed and not opened is not unreadable.
        let key = if keys::is_sealed(&identity.join(heads::KEY_FILE)) { Ok(key?) } else { key };
        let (witnesses, witnesses_unusable) =
            self.witnesses(&known.folder, key.as_ref().ok().and_then(Option::as_ref));
        Ok(Ledger {
            verified: self.broken.is_none() && self.beside.is_verified(),
            broken: self.broken.clone(),
            reasons: self.beside.reasons.clone(),
            coordinator_refuses: self.beside.is_refused,
            records: self.records.len() as u64,
            bytes: self.records.iter().fold(0_u64, |sum, record| sum.saturating_add(record.length)),
            root: tree.root().to_string(),
            torn_bytes: self.torn_bytes,
            first: at(self.records.first()),
            last: at(self.records.last()),
            taken: taken.map(|head| Head { records: head.size, root: head.root.to_string() }),
            verifier_key_unreadable: key.is_err(),
            witnesses,
            witnesses_unusable,
            verifier_key: key.ok().flatten().map(|key| key.to_text()),
            receipts: self.receipts(),
            acceptances: acceptances(known)?,
            ..Ledger::default()
        })
    }

    /// Who cosigned a head of this ledger, and how many are kept that nobody did.
    fn witnesses(&self, folder: &StateFolder, key: Option<&VerifierKey>) -> (Vec<Witnessed>, usize) {
        let (Ok(kept), Some(key)) = (CosignedHeads::open(&folder.cosigned()), key) else {
            return (Vec::new(), usize::from(folder.cosigned().exists()));
        };
        let all = kept.all(key);
        let count = all.len();
        let witnessed = |CosignedHead { witness, at_s, head }| Witnessed {
            witness: witness.name().to_owned(),
            verifier_key: witness.to_text(),
            records: head.size,
            at: Timestamp(at_s.saturating_mul(1_000)).rfc3339(),
            fits: self.broken.is_none() && ledger::compare_heads(&self.records, &[head]).is_ok(),
        };
        let found: Vec<_> = all.into_iter().filter_map(Result::ok).map(witnessed).collect();
        let unusable = count - found.len();
        (found, unusable)
    }

    fn receipts(&self) -> Receipts {
        let mut counts = Receipts { frames_lost: self.beside.compared.frames_lost, ..Receipts::default() };
        for state in self.states().values() {
            match state {
                Receipt::Fits => counts.fit += 1,
                Receipt::NotCompared | Receipt::LedgerBroken => counts.not_compared += 1,
                Receipt::DoesNotFit => counts.do_not_fit += 1,
                Receipt::NotSigned => counts.not_signed += 1,
                Receipt::SetAside => counts.set_aside += 1,
                Receipt::Declined | Receipt::None => {}
            }
        }
        counts
    }

    /// What became of each receipt.
    pub(super) fn states(&self) -> BTreeMap<RoundKey, Receipt> {
        let Some(known) = &self.known else { return BTreeMap::new() };
        let compared = &self.beside.compared;
        let begin = if self.broken.is_some() { Receipt::LedgerBroken } else { Receipt::Fits };
        let mut states: BTreeMap<RoundKey, Receipt> =
            known.standing.receipts.iter().map(|receipt| (receipt.body.key, begin)).collect();
        states.extend(compared.uncompared.iter().map(|one| (one.key, Receipt::NotCompared)));
        states.extend(compared.unfit.iter().map(ReceiptError::key).map(|key| (key, Receipt::DoesNotFit)));
        states.extend(known.standing.set_aside.iter().map(|receipt| (receipt.body.key, Receipt::SetAside)));
        states.extend(known.unsigned.iter().map(|key| (*key, Receipt::NotSigned)));
        states
    }
}

/// What the officer accepted.
fn acceptances(known: &Known) -> Result<Newest<Acceptance>, SiteError> {
    let decider = Decider::of(&known.folder)?;
    let mut all = Vec::new();
    for epoch in known.store.epochs()? {
        all.push(Acceptance {
            at: table::utc(epoch.at_ms),
            records: epoch.head.size,
            root: epoch.head.root.to_string(),
            receipts_set_aside: epoch.set_aside.len(),
            signed: decider.officer().is_some() && decider.holds(&epoch)?,
        });
    }
    Ok(Newest::last_of(all, REPORT_NOTES_MAX))
}
