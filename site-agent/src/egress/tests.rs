//! Order, exactness, and what the gate refuses.

use std::fs;
use std::path::PathBuf;

use common::clock::{ManualClock, Timestamp};
use common::id::{Round, RunId};
use common::ledger::Record;
use common::run::{
    AdapterSettings, AggregationSettings, BaseSettings, HeldOutHashes, Roster, RunManifest, TensorSpec,
    TrainingSettings,
};
use common::wire::frame;
use common::wire::message::{Envelope, PROTOCOL_VERSION, Request, Response};
use common::wire::numbers::LossMilli;
use common::wire::own_scores::{Measured, NoScores};

use super::encoding::coarse_tokens;
use super::*;
use crate::gateway::consent::tests as consent;
use crate::gateway::progress::ProgressGate;
use crate::gateway::protect::{RawUpdate, protect};
use crate::gateway::store::Store;
use crate::gateway::store::consent::Choice;
use crate::paths::StateFolder;
use crate::pipe::RawFacts;

/// At the moment of sending, the last line of the ledger on disk must already describe exactly these bytes.
struct Watching {
    ledger: PathBuf,
    sent: Vec<Vec<u8>>,
    fails: bool,
}

impl Wire for Watching {
    type Sent = ();

    async fn send(&mut self, bytes: &[u8]) -> Result<(), SiteError> {
        let text = fs::read_to_string(&self.ledger).unwrap();
        let record: Record = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(record.sha256, Digest::of(bytes).to_string());
        assert_eq!(record.length, bytes.len() as u64);
        assert_eq!(text.lines().count(), self.sent.len() + 1, "one record for each frame");
        self.sent.push(bytes.to_vec());
        if self.fails {
            return Err(SiteError::Connection { reason: "cut".into() });
        }
        Ok(())
    }

    async fn answer(&mut self, (): ()) -> Result<Answer, SiteError> {
        Ok(Answer { response: Response::Noted, payload: Vec::new() })
    }
}

/// The manifest that this site agreed to.
const TERMS: Digest = Digest([6; 32]);

struct Site {
    _root: tempfile::TempDir,
    folder: StateFolder,
    egress: Egress<ManualClock>,
    wire: Watching,
}

fn site() -> Site {
    let root = tempfile::tempdir().unwrap();
    let folder = StateFolder::new(root.path());
    for path in folder.folders() {
        fs::create_dir_all(path).unwrap();
    }
    let (ledger, _) = LedgerWriter::open(&folder.ledger()).unwrap();
    let clock = ManualClock::at(Timestamp(5));
    let consent = consent::book(&folder.database());
    consent::decide(&folder.database(), key().run, TERMS, Choice::Approved);
    let egress = Egress::new(ledger, consent, PolicyConfig::default(), Digest::of(b"ca"), clock);
    let wire = Watching { ledger: folder.ledger(), sent: Vec::new(), fails: false };
    Site { _root: root, folder, egress, wire }
}

fn key() -> RoundKey {
    RoundKey { run: RunId([1; 8]), round: Round(2) }
}

fn release(site: &mut Site, item: Outbound<'_>) -> Result<Answer, SiteError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(site.egress.release(&mut site.wire, item))
}

/// An update of 3 MiB, so that it takes several chunks.
fn update(site: &Site) -> ProtectedUpdate {
    let tensors = vec![TensorSpec { name: "a".into(), shape: [768, 1024] }];
    let manifest = RunManifest {
        protocol: PROTOCOL_VERSION,
        run: key().run,
        name: "test".into(),
        rounds: 2,
        base_fingerprint: Digest([0; 32]),
        adapter: AdapterSettings::default(),
        tensors,
        adapter_bytes: 100,
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        aggregation: AggregationSettings::default(),
        quorum: 1,
        roster: Roster::default(),
        held_out: HeldOutHashes::default(),
        overlap: None,
        suites: Vec::new(),
        own_scores: false,
        train: Default::default(),
        participation: None,
    };
    let raw = site
        .folder
        .raw()
        .join(format!("{}.safetensors", crate::pipe::round_file_stem(key().run, key().round)));
    let mut writer = common::adapter::AdapterWriter::create(&raw, &manifest.tensors).unwrap();
    writer.append(&vec![0.25; 768 * 1024]).unwrap();
    writer.finish().unwrap();
    let digest = Digest::of(&fs::read(&raw).unwrap());
    let facts = RawFacts { digest, records: 775, tokens: 123_456, loss: 5.123_456 };
    let mut store = Store::open(&site.folder.database()).unwrap();
    let raw = RawUpdate { key: key(), facts: &facts, manifest: &manifest };
    protect(&site.folder, &mut store, &PolicyConfig::default(), &raw, 1).unwrap()
}

/// Blinded points of a query about nothing: padding alone, as good as any.
fn points(site: &Site) -> ProtectedPoints {
    let query = data::overlap::Query::new(&[], zeroize::Zeroizing::new([3; 32])).unwrap();
    let bytes = query.blinded(0).unwrap();
    fs::write(crate::overlap::raw_points_path(&site.folder, key().run), &bytes).unwrap();
    let facts = crate::pipe::BlindedFacts { digest: Digest::of(&bytes), points: query.points() };
    let mut store = Store::open(&site.folder.database()).unwrap();
    ProtectedPoints::protect(&site.folder, &mut store, key().run, &facts, 1).unwrap()
}

#[test]
fn the_ledger_is_written_before_every_send() {
    let mut site = site();
    let (update, points) = (update(&site), points(&site));
    let said = crate::pipe::Progress { step: 1, total_steps: 50, loss: 2.0, tokens_per_s: 70 };
    let (progress, _) = ProgressGate::default().admit(key(), &said, None, 0).unwrap();
    for item in [
        Outbound::Hello,
        Outbound::Poll { wait_ms: 100 },
        Outbound::Fetch { digest: Digest([7; 32]), offset: 0 },
        Outbound::Ready { key: key(), base_fingerprint: Digest([8; 32]), records: 775 },
        Outbound::Progress { key: key(), progress },
        Outbound::Offer(&update),
        Outbound::Chunk { update: &update, offset: 0 },
        Outbound::Commit(&update),
        Outbound::Failed { key: key(), reason: TrainFailure::OutOfMemory },
        Outbound::OverlapDeclare(&points),
        Outbound::OverlapBlinded { points: &points, offset: 0 },
    ] {
        release(&mut site, item).unwrap();
    }
    let summary = common::ledger::verify(fs::read(site.folder.ledger()).unwrap().as_slice(), |_| ()).unwrap();
    assert_eq!(summary.records, 11);
    assert_eq!(summary.kinds[&Kind::OverlapBlinded].frames, 1);
    assert_eq!(summary.bytes, site.wire.sent.iter().map(|bytes| bytes.len() as u64).sum::<u64>());
}

#[test]
fn counts_and_losses_leave_coarse() {
    let mut site = site();
    let update = update(&site);
    release(&mut site, Outbound::Offer(&update)).unwrap();
    let envelope: Envelope = frame::from_body(&site.wire.sent[0][frame::PREFIX_BYTES..]).unwrap();
    let Request::Offer { records, tokens, loss, .. } = envelope.request else { panic!("not an offer") };
    assert_eq!((records.value(), tokens.value()), (780, 66_000));
    assert_eq!([0, 1, 65_535, 65_536].map(coarse_tokens), [0, 1, 32_768, 65_536]);
    assert_eq!(loss, LossMilli::of(5.123));
}

#[test]
fn a_retry_sends_the_same_bytes_of_the_update_under_a_new_number() {
    let mut site = site();
    let update = update(&site);
    site.wire.fails = true;
    release(&mut site, Outbound::Chunk { update: &update, offset: 1 << 20 }).unwrap_err();
    site.wire.fails = false;
    release(&mut site, Outbound::Chunk { update: &update, offset: 1 << 20 }).unwrap();
    let [first, second] = site.wire.sent.as_slice() else { panic!("two sends") };
    assert_eq!(first[first.len() - (1 << 20)..], second[second.len() - (1 << 20)..]);
    assert_ne!(first, second, "the sequence number differs");
}

#[test]
fn the_whole_update_leaves_in_chunks_and_nothing_behind_it() {
    let mut site = site();
    let update = update(&site);
    let mut whole = Vec::new();
    while (whole.len() as u64) < update.update().bytes {
        let offset = whole.len() as u64;
        release(&mut site, Outbound::Chunk { update: &update, offset }).unwrap();
        whole.extend(update.chunk(offset).unwrap());
    }
    assert_eq!(Digest::of(&whole), update.update().digest);
    let behind = Outbound::Chunk { update: &update, offset: update.update().bytes };
    assert!(matches!(release(&mut site, behind), Err(SiteError::PolicyRefused { .. })));
}

#[test]
fn points_leave_as_they_are_in_the_outbox_and_no_more_than_declared() {
    let mut site = site();
    let points = points(&site);
    let item = Outbound::OverlapBlinded { points: &points, offset: 0 };
    for _ in 0..2 {
        release(&mut site, item).unwrap();
    }
    let [first, second] = site.wire.sent.as_slice() else { panic!("two sends") };
    assert_eq!(first[first.len() - 1024 * 32..], points.batch(0).unwrap());
    assert_eq!(first[first.len() - 1024 * 32..], second[second.len() - 1024 * 32..]);
    assert_eq!(first.len() - 1024 * 32, frame::PREFIX_BYTES + 14, "points, and a frame of fixed size");
    let behind = Outbound::OverlapBlinded { points: &points, offset: 1024 };
    assert!(matches!(release(&mut site, behind), Err(SiteError::PolicyRefused { .. })));
    site.egress.policy.overlap = false;
    for item in [item, Outbound::OverlapDeclare(&points)] {
        assert!(matches!(release(&mut site, item), Err(SiteError::PolicyRefused { .. })));
    }
    assert_eq!(site.wire.sent.len(), 2);
}

#[test]
fn scores_leave_only_where_the_policy_says_so_and_only_such_as_a_site_says() {
    let mut site = site();
    let run = key().run;
    let measured = Measured::of(25, 5.0, 4.5, [0.25, 0.75]);
    let item = Outbound::OwnScores { run, said: OwnScores::Measured(measured) };
    assert!(matches!(release(&mut site, item), Err(SiteError::PolicyRefused { .. })));
    let silent = Outbound::OwnScores { run, said: OwnScores::NotMeasured(NoScores::NotAllowed) };
    release(&mut site, silent).unwrap();
    site.egress.policy.own_scores = true;
    release(&mut site, item).unwrap();
    let few = Measured { records: RoundedCount::of(19), ..measured };
    let item = Outbound::OwnScores { run, said: OwnScores::Measured(few) };
    assert!(matches!(release(&mut site, item), Err(SiteError::PolicyRefused { .. })));
    let other = Outbound::OwnScores { run: RunId([9; 8]), said: OwnScores::Measured(measured) };
    assert!(matches!(release(&mut site, other), Err(SiteError::NotAgreed { .. })));
    assert_eq!(site.wire.sent.len(), 2);
}

#[test]
fn what_the_policy_refuses_is_neither_recorded_nor_sent() {
    let mut site = site();
    let update = update(&site);
    site.egress.policy.update_bytes_max = 100;
    for item in [
        Outbound::Poll { wait_ms: POLL_WAIT_MS_MAX + 1 },
        Outbound::Fetch { digest: Digest([7; 32]), offset: u64::MAX },
        Outbound::Ready { key: key(), base_fingerprint: Digest([8; 32]), records: RECORDS_MAX + 1 },
        Outbound::Offer(&update),
        Outbound::Chunk { update: &update, offset: 0 },
        Outbound::Commit(&update),
    ] {
        assert!(matches!(release(&mut site, item), Err(SiteError::PolicyRefused { .. })), "{item:?}");
    }
    assert!(site.wire.sent.is_empty());
    assert_eq!(fs::read(site.folder.ledger()).unwrap(), b"");
}

#[test]
fn without_a_ledger_nothing_is_sent() {
    let mut site = site();
    // The ledger's disk is full from here on.
    site.egress.ledger.fill_disk();
    for _ in 0..2 {
        assert!(release(&mut site, Outbound::Hello).is_err());
    }
    assert!(site.wire.sent.is_empty());
}

/// Every frame of a run: not without an approval, and none after a withdrawal, from the very next one on.
#[test]
fn no_frame_of_a_run_leaves_unless_the_site_agreed_to_it() {
    let mut site = site();
    let (update, points) = (update(&site), points(&site));
    let key = key();
    let of_run = [
        Outbound::Ready { key, base_fingerprint: Digest([8; 32]), records: 100 },
        Outbound::Failed { key, reason: TrainFailure::NoRecords },
        Outbound::Offer(&update),
        Outbound::Chunk { update: &update, offset: 0 },
        Outbound::Commit(&update),
        Outbound::OverlapDeclare(&points),
        Outbound::OverlapBlinded { points: &points, offset: 0 },
        Outbound::Decide { run: key.run, manifest: TERMS, decision: Decision::Approved },
    ];
    for item in of_run {
        release(&mut site, item).unwrap();
    }
    let other = Outbound::Decide { run: key.run, manifest: Digest([7; 32]), decision: Decision::Approved };
    assert!(matches!(release(&mut site, other), Err(SiteError::NotAgreed { .. })), "other terms");
    let database = site.folder.database();
    for choice in [Choice::Declined, Choice::OutsidePolicy, Choice::Withdrawn] {
        consent::decide(&database, key.run, TERMS, Choice::Approved);
        consent::decide(&database, key.run, TERMS, choice);
        let sent = site.wire.sent.len();
        for item in of_run {
            assert!(
                matches!(release(&mut site, item), Err(SiteError::NotAgreed { .. })),
                "{choice:?} {item:?}"
            );
        }
        assert_eq!(site.wire.sent.len(), sent);
        let no = Outbound::Decide { run: key.run, manifest: TERMS, decision: Decision::Withdrawn };
        release(&mut site, no).unwrap();
    }
    // The database of before the withdrawal comes back; the ledger's note stays.
    let note = Note { kind: Kind::Withdrawal, run: Some(key.run), round: None, digest: TERMS };
    site.egress.note(&note, false).unwrap();
    for path in ["site.db", "site.db-wal", "site.db-shm"] {
        let _ = fs::remove_file(site.folder.root().join(path));
    }
    let database = site.folder.root().join("restored.db");
    consent::decide(&database, key.run, TERMS, Choice::Approved);
    site.egress.consent = consent::book(&database);
    assert!(matches!(release(&mut site, Outbound::Offer(&update)), Err(SiteError::NotAgreed { .. })));
    let foreign = RoundKey { run: RunId([9; 8]), ..key };
    let unknown = Outbound::Ready { key: foreign, base_fingerprint: Digest([8; 32]), records: 100 };
    assert!(matches!(release(&mut site, unknown), Err(SiteError::NotAgreed { .. })), "nobody was asked");
}

/// What cannot be kept for the privacy officer does not leave, and what leaves was kept before.
#[tokio::test]
async fn nothing_is_sent_that_the_escrow_does_not_have() {
    use certs::AgeIdentity;
    use certs::age::open;

    use crate::config::escrow::EscrowConfig;
    use crate::gateway::escrow::days::{days, entries, read};

    let Site { folder, egress, mut wire, _root } = site();
    let identity = AgeIdentity::generate().unwrap();
    let recipient = identity.recipient().unwrap().to_string();
    let config = EscrowConfig { recipient, keep_days: 1, mib_max: 1 };
    let place = folder.escrow();
    let escrow = Escrow::of(&place, Some(&config)).unwrap();
    let mut egress = egress.with_escrow(escrow);
    egress.release(&mut wire, Outbound::Hello).await.unwrap();
    egress.release(&mut wire, Outbound::Poll { wait_ms: 1 }).await.unwrap();
    let [day] = &days(&place).unwrap()[..] else { panic!() };
    let mut file = fs::File::open(&day.path).unwrap();
    let found = entries(&mut file).unwrap().0;
    let kept: Vec<Vec<u8>> = found
        .iter()
        .map(|entry| open(&identity, &read(&mut file, *entry).unwrap()).unwrap().to_vec())
        .collect();
    assert_eq!(kept, wire.sent);
    assert_eq!(found.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [0, 1]);
    // Somebody else's bytes fill it.
    fs::write(place.join("2000-01-01.frames"), vec![0; 1 << 20]).unwrap();
    let mut egress =
        egress.with_escrow(Escrow::of(&place, Some(&EscrowConfig { keep_days: 3660, ..config })).unwrap());
    let error = egress.release(&mut wire, Outbound::Poll { wait_ms: 1 }).await.unwrap_err();
    assert!(error.is_disk_full(), "{error}");
    assert_eq!(wire.sent.len(), 2, "nothing was sent");
    assert_eq!(egress.records(), 2, "nor noted");
}
