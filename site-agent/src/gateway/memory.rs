//! Whether the ledger still has what this site knows left it: every frame that a receipt answers, and the
//! records whose root the coordinator took. A ledger that was cut, restored alone or deleted has not.
//!
//! Called by `gateway` and `cli::check`, which open the ledger for writing here, by `cli::run` before it
//! starts them, and by `cli::ledger`, which compares the whole of it. Invariant: an agent does not add to a
//! ledger that is behind; the privacy officer decides (`site-agent ledger accept`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use common::id::Digest;
use common::ledger::{self, LedgerError, Record, Tree};
use common::wire::message::{LedgerHead, RoundKey};

use super::decisions::{Decider, Standing};
use super::ledger::LedgerWriter;
use super::store::Store;
use crate::error::SiteError;

/// What a ledger lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lack {
    /// In words, what is known of it otherwise.
    pub reasons: Vec<String>,
    /// The receipts that do not belong to it.
    pub receipts: Vec<RoundKey>,
}

impl Lack {
    fn must_be_nothing(self, path: &Path) -> Result<(), SiteError> {
        match self.reasons.into_iter().next() {
            Some(reason) => Err(SiteError::LedgerBehind { path: path.to_path_buf(), reason }),
            None => Ok(()),
        }
    }
}

/// Refuses a ledger that is behind what this site knows. A missing file is an empty ledger.
///
/// # Errors
/// `LedgerBehind`; `Ledger` when it is not intact; `Io`, `Store`.
pub fn must_not_be_behind(path: &Path, store: &Store, decider: &Decider) -> Result<(), SiteError> {
    lack(path, store, decider)?.must_be_nothing(path)
}

/// Opens the ledger for writing, unless it is behind what this site knows, and leaves that one as it is;
/// one reading does both.
///
/// # Errors
/// As [`must_not_be_behind`]; those of [`LedgerWriter::open`].
pub fn open(path: &Path, store: &Store, decider: &Decider) -> Result<(LedgerWriter, u64), SiteError> {
    let mut watch = Watch::new(store, decider)?;
    if !path.exists() {
        // A missing one is begun anew only where nothing is known of it.
        watch.lack().must_be_nothing(path)?;
    }
    let opened = LedgerWriter::open_and_see(path, |record| watch.see(record))?;
    watch.lack().must_be_nothing(path)?;
    opened.cut()
}

/// What the ledger lacks.
///
/// # Errors
/// As [`must_not_be_behind`], but for `LedgerBehind`.
pub fn lack(path: &Path, store: &Store, decider: &Decider) -> Result<Lack, SiteError> {
    let mut watch = Watch::new(store, decider)?;
    if path.exists() && !watch.knows_nothing() {
        let file = File::open(path).map_err(SiteError::at(path))?;
        ledger::read(BufReader::new(file), |record| watch.see(record)).map_err(|error| match error {
            LedgerError::Io(source) => SiteError::io(path, source),
            error => SiteError::Ledger { path: path.to_path_buf(), reason: error.to_string() },
        })?;
    }
    Ok(watch.lack())
}

/// Whether these records are those whose root the coordinator took, with more behind them; else why not.
pub fn differs_from_taken(records: &[Record], taken: &LedgerHead) -> Option<String> {
    let mut watch = Watch { taken: Some(*taken), ..Watch::default() };
    records.iter().for_each(|record| watch.see(record));
    watch.differs(taken)
}

/// What is looked for while the ledger is read.
#[derive(Default)]
struct Watch {
    taken: Option<LedgerHead>,
    standing: Standing,
    wanted: BTreeSet<u64>,
    tree: Tree,
    root: Option<Digest>,
    found: BTreeMap<u64, Record>,
}

impl Watch {
    fn new(store: &Store, decider: &Decider) -> Result<Self, SiteError> {
        let (taken, standing) = (store.taken_ledger()?, decider.standing(store)?);
        let wanted = standing.receipts.iter().map(|receipt| receipt.body.last_sequence).collect();
        Ok(Self { taken, standing, wanted, ..Self::default() })
    }

    fn knows_nothing(&self) -> bool {
        self.taken.is_none() && self.wanted.is_empty()
    }

    fn see(&mut self, record: &Record) {
        if self.wanted.contains(&record.sequence) {
            self.found.insert(record.sequence, record.clone());
        }
        let size = self.taken.map_or(0, |taken| taken.size);
        if self.tree.size() < size {
            // A record that was read from its line has that line again.
            self.tree.append(&record.to_line().unwrap_or_default());
            if self.tree.size() == size {
                self.root = Some(self.tree.root());
            }
        }
    }

    /// What was not there, of what was seen so far.
    fn lack(&self) -> Lack {
        let mut lack = Lack::default();
        lack.reasons.extend(self.standing.doubt.clone());
        lack.reasons.extend(self.taken.and_then(|taken| self.differs(&taken)));
        for receipt in &self.standing.receipts {
            let record = self.found.get(&receipt.body.last_sequence);
            if let Err(error) = ledger::answers(record, &receipt.body) {
                lack.reasons.push(error.to_string());
                lack.receipts.push(receipt.body.key);
            }
        }
        lack
    }

    fn differs(&self, taken: &LedgerHead) -> Option<String> {
        let LedgerHead { size, root } = taken;
        let found = if *size == 0 { Some(Tree::default().root()) } else { self.root };
        match found {
            None => Some(format!("it has {} records, and the coordinator took {size}", self.tree.size())),
            Some(found) if found != *root => {
                Some(format!("its first {size} records are not those that the coordinator took"))
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use common::id::{Round, RunId};
    use common::ledger::Kind;
    use common::wire::message::{Receipt, ReceiptBody};

    use super::super::identity::Coordinator;
    use super::super::ledger::{Frame, LedgerWriter};
    use super::super::store::Update;
    use super::super::store::memory::{Epoch, Said};
    use super::*;

    struct Site {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Site {
        /// Eight records, the sixth of which is a commit that a receipt answers; the coordinator took seven.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut store = Store::open(&folder.path().join("site.db")).unwrap();
            let new = {
                let (mut ledger, _) = LedgerWriter::open(&folder.path().join("ledger.log")).unwrap();
                for number in 0..8 {
                    if number == 7 {
                        store.record_taken_ledger(&ledger.head(), 5).unwrap();
                    }
                    let kind = if number == 5 { Kind::Commit } else { Kind::Poll };
                    let run = (number == 5).then_some(key().run);
                    let round = (number == 5).then_some(key().round);
                    let length = if number == 5 { 50 } else { 7 };
                    let frame = Frame { kind, run, round, length, digest: Digest::of(&[number]) };
                    ledger.append(1, &Digest::of(b"peer"), &frame).unwrap();
                }
                store
            };
            let mut site = Self { folder, store: new };
            site.acknowledge();
            site
        }

        fn acknowledge(&mut self) {
            let update = Update {
                key: key(),
                digest: Digest::of(b"update"),
                bytes: 1,
                records: 100,
                tokens: 100,
                loss: 1.0,
                receipt: None,
                declined: false,
            };
            self.store.record_update(&update, 1).unwrap();
            let body = ReceiptBody {
                site: Digest::of(b"site"),
                key: key(),
                digest: update.digest,
                bytes: 1,
                first_sequence: 0,
                last_sequence: 5,
                received_bytes: 85,
                running_hash: Digest::of(b"running"),
            };
            self.store.record_receipt(key(), &Receipt { body, signature: [1; 64] }, 2).unwrap();
        }

        fn lines(&self, count: usize) {
            let path = self.ledger();
            let text = fs::read_to_string(&path).unwrap();
            let kept: String = text.split_inclusive('\n').take(count).collect();
            fs::write(path, kept).unwrap();
        }

        fn ledger(&self) -> std::path::PathBuf {
            self.folder.path().join("ledger.log")
        }

        fn reasons(&self) -> Vec<String> {
            lack(&self.ledger(), &self.store, &nobody()).unwrap().reasons
        }
    }

    /// Where no officer's key is trusted.
    fn nobody() -> Decider {
        Decider::new(None, std::path::PathBuf::new())
    }

    fn key() -> RoundKey {
        RoundKey { run: RunId([3; 8]), round: Round(2) }
    }

    #[test]
    fn a_ledger_with_everything_is_not_behind_and_one_that_was_cut_is() {
        let site = Site::new();
        must_not_be_behind(&site.ledger(), &site.store, &nobody()).unwrap();
        site.lines(7);
        assert_eq!(site.reasons(), Vec::<String>::new(), "a record of which nobody knows");
        site.lines(6);
        assert_eq!(site.reasons(), ["it has 6 records, and the coordinator took 7"]);
        site.lines(5);
        assert_eq!(site.reasons().len(), 2, "the commit, too");
        // Whoever looks into it finds it as it was, a torn last line included.
        let mut torn = fs::read(site.ledger()).unwrap();
        torn.extend_from_slice(b"{\"sequence\":");
        fs::write(site.ledger(), &torn).unwrap();
        assert!(open(&site.ledger(), &site.store, &nobody()).is_err());
        assert_eq!(fs::read(site.ledger()).unwrap(), torn);
        let refused = must_not_be_behind(&site.ledger(), &site.store, &nobody()).unwrap_err();
        assert!(matches!(refused, SiteError::LedgerBehind { .. }) && refused.is_user_error());
        assert!(refused.hint().unwrap().contains("ledger accept"));
    }

    #[test]
    fn a_deleted_ledger_is_not_begun_anew_in_silence() {
        let site = Site::new();
        fs::remove_file(site.ledger()).unwrap();
        assert_eq!(site.reasons().len(), 2);
        assert!(open(&site.ledger(), &site.store, &nobody()).is_err());
        assert!(!site.ledger().exists(), "looking at it makes none");
        // Begun anew by hand, as long as before.
        let (mut ledger, _) = LedgerWriter::open(&site.ledger()).unwrap();
        for number in 0..9_u8 {
            let digest = Digest::of(&[number]);
            let frame = Frame { kind: Kind::Poll, run: None, round: None, length: 7, digest };
            ledger.append(1, &Digest::of(b"peer"), &frame).unwrap();
        }
        assert!(site.reasons()[0].contains("are not those"), "{:?}", site.reasons());
    }

    #[test]
    fn what_the_officer_accepts_is_no_longer_missed_and_stays_recorded() {
        let mut site = Site::new();
        site.lines(4);
        let found = lack(&site.ledger(), &site.store, &nobody()).unwrap();
        assert_eq!(found.receipts, [key()]);
        let (ledger, _) = LedgerWriter::open(&site.ledger()).unwrap();
        let epoch =
            Epoch { at_ms: 9, head: ledger.head(), set_aside: found.receipts, signature: Some([7; 64]) };
        site.store.record_epoch(&epoch).unwrap();
        assert_eq!(site.reasons(), Vec::<String>::new());
        assert_eq!(site.store.epochs().unwrap(), [epoch]);
        // The coordinator's age is proved by it all the same.
        let standing = nobody().standing(&site.store).unwrap();
        assert_eq!((standing.receipts.len(), standing.set_aside.len(), standing.decisions), (0, 1, 1));
        // Nor does a decision that somebody wrote into the database set anything aside for an officer.
        let officer = certs::OfficerKey::generate().unwrap().public_key().unwrap();
        let identity = site.folder.path().to_path_buf();
        Coordinator { site: "x".parse().unwrap(), address: "x:1".into(), receipt_key: Digest([1; 32]) }
            .store(&identity)
            .unwrap();
        let found = lack(&site.ledger(), &site.store, &Decider::new(Some(officer), identity)).unwrap();
        assert!(found.reasons[0].contains("not signed by the privacy officer") && found.receipts == [key()]);
        assert!(site.store.newest_receipt().unwrap().is_some());
        site.lines(3);
        assert_eq!(site.reasons(), ["it has 3 records, and the coordinator took 4"]);
    }

    #[test]
    fn the_coordinators_last_word_is_remembered() {
        let mut site = Site::new();
        assert_eq!(site.store.said().unwrap(), None);
        for (at, said) in (1..).zip(Said::ALL) {
            site.store.record_said(said, at).unwrap();
            assert_eq!(site.store.said().unwrap(), Some((said, at)));
        }
    }
}
