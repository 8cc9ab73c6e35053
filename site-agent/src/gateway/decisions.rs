//! What the privacy officer decided about the ledger, and whether it was the officer. Called by
//! `gateway::memory` before the ledger is believed, and by `cli::ledger`, which makes and shows decisions.
//!
//! Invariant: where this site trusts an officer's key, a receipt is set aside only by a decision that this
//! key signed, and the last decision must bear its signature; so after the trusted key was replaced the new
//! officer decides again.

use std::path::PathBuf;

use certs::OfficerPublicKey;
use certs::officer::LEDGER_CONTEXT;
use common::id::{Digest, SiteId};
use common::wire::message::{LedgerHead, Receipt, RoundKey};

use super::identity::Coordinator;
use super::store::Store;
use super::store::memory::Epoch;
use crate::error::SiteError;
use crate::paths::StateFolder;
use crate::waiver;

/// Who decides about a site's ledger.
#[derive(Clone, Debug)]
pub struct Decider {
    officer: Option<OfficerPublicKey>,
    /// The folder that says what this site is called.
    identity: PathBuf,
}

/// The receipts of a site, by what was decided.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Those that the ledger must fit.
    pub receipts: Vec<Receipt>,
    /// Those that it need not.
    pub set_aside: Vec<Receipt>,
    /// Decisions that count.
    pub decisions: usize,
    /// Why the last decision does not count.
    pub doubt: Option<String>,
}

impl Decider {
    /// The officer whom the site trusts; nobody in particular where it trusts none. Reads the key now, and
    /// the site's name when it is needed.
    ///
    /// # Errors
    /// `Io`, `Data` for a file that is no public key.
    pub fn of(folder: &StateFolder) -> Result<Self, SiteError> {
        let path = folder.officer();
        let officer = path.exists().then(|| waiver::read_public(&path)).transpose()?;
        Ok(Self::new(officer, folder.identity()))
    }

    /// From what [`Self::of`] reads.
    #[must_use]
    pub fn new(officer: Option<OfficerPublicKey>, identity: PathBuf) -> Self {
        Self { officer, identity }
    }

    /// The same, which reads the site's name in this folder.
    #[must_use]
    pub fn reading(self, identity: PathBuf) -> Self {
        Self { identity, ..self }
    }

    /// The officer's key, if the site trusts one.
    #[must_use]
    pub fn officer(&self) -> Option<&OfficerPublicKey> {
        self.officer.as_ref()
    }

    /// What was decided, and which receipts that leaves.
    ///
    /// # Errors
    /// `Store`; `Io`, `Config` when the site's name cannot be read.
    pub fn standing(&self, store: &Store) -> Result<Standing, SiteError> {
        let epochs = store.epochs()?;
        let holds = epochs.iter().map(|epoch| self.holds(epoch)).collect::<Result<Vec<bool>, _>>()?;
        let named: Vec<RoundKey> = epochs
            .iter()
            .zip(&holds)
            .filter(|(_, holds)| **holds)
            .flat_map(|(epoch, _)| epoch.set_aside.iter().copied())
            .collect();
        let doubt = holds.last().is_some_and(|holds| !holds).then(|| {
            "the last decision to go on with it is not signed by the privacy officer whom this site trusts"
                .to_owned()
        });
        let (set_aside, receipts) =
            store.receipts()?.into_iter().partition(|receipt| named.contains(&receipt.body.key));
        Ok(Standing { receipts, set_aside, decisions: holds.iter().filter(|holds| **holds).count(), doubt })
    }

    /// Whether a decision counts: where an officer is trusted, it bears their signature.
    ///
    /// # Errors
    /// `Io`, `Config` when the site's name cannot be read.
    pub fn holds(&self, epoch: &Epoch) -> Result<bool, SiteError> {
        let Some(officer) = &self.officer else { return Ok(true) };
        let Some(signature) = &epoch.signature else { return Ok(false) };
        let site = Coordinator::load(&self.identity)?.site;
        Ok(officer.verifies(&statement(&site, &epoch.head, &epoch.set_aside), signature))
    }
}

/// What the officer signs: whose ledger, its size and root, and the receipts that do not belong to it.
#[must_use]
pub fn statement(site: &SiteId, head: &LedgerHead, set_aside: &[RoundKey]) -> Vec<u8> {
    let mut bytes = LEDGER_CONTEXT.to_vec();
    bytes.extend_from_slice(&Digest::of(site.as_str().as_bytes()).0);
    bytes.extend_from_slice(&head.size.to_le_bytes());
    bytes.extend_from_slice(&head.root.0);
    for RoundKey { run, round } in set_aside {
        bytes.extend_from_slice(&run.0);
        bytes.extend_from_slice(&round.0.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use certs::OfficerKey;
    use common::id::{Round, RunId};

    use super::*;

    /// A site called `cardiology` whose database has these decisions, and what they leave for this officer.
    fn doubt(epochs: &[Epoch], officer: Option<&OfficerKey>) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let coordinator = Coordinator {
            site: "cardiology".parse().unwrap(),
            address: "localhost:1".into(),
            receipt_key: Digest([1; 32]),
        };
        coordinator.store(folder.path()).unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        epochs.iter().for_each(|epoch| store.record_epoch(epoch).unwrap());
        let officer = officer.map(|key| key.public_key().unwrap());
        Decider::new(officer, folder.path().to_path_buf()).standing(&store).unwrap().doubt
    }

    fn epoch(size: u64, signed_by: Option<&OfficerKey>) -> Epoch {
        let head = LedgerHead { size, root: Digest([2; 32]) };
        let set_aside = vec![RoundKey { run: RunId([3; 8]), round: Round(1) }];
        let site = "cardiology".parse().unwrap();
        let signature = signed_by.map(|key| key.sign(&statement(&site, &head, &set_aside)).unwrap());
        Epoch { at_ms: 5, head, set_aside, signature }
    }

    #[test]
    fn a_forged_decision_does_not_count_and_the_officers_next_one_mends_it() {
        let (officer, other) = (OfficerKey::generate().unwrap(), OfficerKey::generate().unwrap());
        let signed = epoch(4, Some(&officer));
        assert_eq!(doubt(std::slice::from_ref(&signed), Some(&officer)), None);
        let forged = [
            epoch(4, None),
            epoch(4, Some(&other)),
            Epoch { set_aside: Vec::new(), ..signed.clone() },
            Epoch { head: LedgerHead { size: 5, ..signed.head }, ..signed.clone() },
        ];
        for forged in forged {
            assert!(doubt(std::slice::from_ref(&forged), Some(&officer)).is_some(), "{forged:?}");
            assert!(doubt(&[signed.clone(), forged.clone()], Some(&officer)).is_some());
            assert_eq!(doubt(&[forged.clone(), signed.clone()], Some(&officer)), None);
            // Where nobody is trusted, everybody with the folder decides.
            assert_eq!(doubt(&[forged], None), None);
        }
    }
}
