//! A witness in a folder of its own, against logs that tell two stories, replay what others cosigned, or
//! change what it remembers. Run by `cargo test`.

use std::fs;
use std::path::{Path, PathBuf};

use certs::{LedgerKey, Note, VerifierKey, WitnessKey, WitnessVerifier};
use clap::Parser;
use common::clock::Timestamp;
use common::ledger::{AddCheckpoint, Checkpoint, Prover, Tree};
use common::private::passphrase::Passphrase;
use common::wire::message::LedgerHead;

use super::memory::place;
use super::*;

const LOG: &str = "consilium/0011223344556677/coordinator/acts";
const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A log that can tell two stories: the lines from 5 on are those of its history.
struct Log {
    key: LedgerKey,
    name: &'static str,
}

impl Log {
    fn new(name: &'static str) -> Self {
        Self { key: LedgerKey::generate().unwrap(), name }
    }

    fn verifier(&self) -> VerifierKey {
        self.key.verifier(self.name).unwrap()
    }

    fn lines(&self, history: u8, size: u64) -> Vec<Vec<u8>> {
        let line = |number: u64| format!("{} {number}", if number < 5 { 0 } else { history }).into_bytes();
        (0..size).map(line).collect()
    }

    fn note(&self, history: u8, size: u64) -> String {
        let mut tree = Tree::default();
        self.lines(history, size).iter().for_each(|line| tree.append(line));
        let head = LedgerHead { size, root: tree.root() };
        let text = Checkpoint { name: self.name.to_owned(), head }.to_string();
        self.key.sign(self.name, &text).unwrap()
    }

    fn request(&self, history: u8, old: u64, size: u64) -> AddCheckpoint {
        let mut prover = Prover::new(old, size);
        self.lines(history, size).iter().for_each(|line| prover.line(line));
        AddCheckpoint { old, hashes: prover.proof(), note: self.note(history, size) }
    }
}

struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("witness")
    }

    /// A witness that knows this log.
    fn witness(&self, log: &Log) -> Witness {
        let witness = Witness::create(&self.folder(), "hospital-b").unwrap();
        witness.trust(&log.verifier(), false).unwrap();
        witness
    }

    fn memory(&self, log: &Log) -> PathBuf {
        place(&self.folder().join("logs"), log.name)
    }
}

fn cosigned_at(note: &str, witness: &Witness) -> u64 {
    Note::parse(note.as_bytes()).unwrap().cosigned_at(&witness.verifier().unwrap()).unwrap()
}

#[test]
fn a_log_that_grows_is_cosigned_from_head_to_head() {
    let (place, log) = (Place::new(), Log::new(LOG));
    let witness = place.witness(&log);
    let mut old = 0;
    for size in [0, 1, 4, 9, 9, 30] {
        let found = witness.cosign(&log.request(1, old, size), NOW).unwrap();
        assert_eq!((found.head.size, found.at_s, found.log.as_str()), (size, NOW.0 / 1_000, LOG));
        assert_eq!(cosigned_at(&found.note, &witness), NOW.0 / 1_000);
        assert!(Note::parse(found.note.as_bytes()).unwrap().verify(&log.verifier()).is_ok());
        assert_eq!(witness.size_of(LOG).unwrap(), size);
        old = size;
    }
    assert_eq!(Witness::open(&place.folder(), &Passphrase::default()).unwrap().size_of(LOG).unwrap(), 30);
    assert!(witness.evidence().unwrap().is_empty());
}

#[test]
fn two_histories_are_refused_and_both_heads_are_kept() {
    let (place, log) = (Place::new(), Log::new(LOG));
    let witness = place.witness(&log);
    let before = witness.cosign(&log.request(1, 0, 8), NOW).unwrap();
    for (size, says) in [(8, "has two histories"), (12, "nothing shows that the head of 12 lines")] {
        let request = log.request(2, 8, size);
        for _ in 0..2 {
            let error = witness.cosign(&request, NOW).unwrap_err();
            assert!(error.to_string().contains(says) && error.is_user_error(), "{error}");
            let (WitnessError::TwoHistories { evidence, .. } | WitnessError::NotExtended { evidence, .. }) =
                error
            else {
                panic!("{error}")
            };
            let kept = evidence.unwrap();
            // Anybody who has the log's key sees that it signed both.
            let signed = fs::read(kept.join(evidence::COSIGNED)).unwrap();
            assert!(Note::parse(&signed).unwrap().verify(&log.verifier()).is_ok());
            assert_eq!(fs::read(kept.join(evidence::SHOWN)).unwrap(), request.to_text().as_bytes());
        }
    }
    assert_eq!(witness.evidence().unwrap().len(), 2, "the same two are kept once");
    let error = witness.cosign(&log.request(2, 6, 6), NOW).unwrap_err();
    assert!(matches!(error, WitnessError::Older { shown: 6, kept: 8 }), "{error}");
    // The history that it saw first goes on.
    assert_eq!(witness.size_of(LOG).unwrap(), before.head.size);
    witness.cosign(&log.request(1, 8, 12), NOW).unwrap();
}

#[test]
fn evidence_has_a_bound_and_the_first_of_it_stays() {
    let (place, log) = (Place::new(), Log::new(LOG));
    let witness = place.witness(&log);
    witness.cosign(&log.request(1, 0, 8), NOW).unwrap();
    for history in 2..2 + u8::try_from(crate::limits::WITNESS_EVIDENCE_MAX).unwrap() {
        let error = witness.cosign(&log.request(history, 8, 8), NOW).unwrap_err();
        assert!(matches!(error, WitnessError::TwoHistories { evidence: Some(_), .. }), "{history} {error}");
    }
    let error = witness.cosign(&log.request(200, 8, 8), NOW).unwrap_err();
    assert!(matches!(error, WitnessError::TwoHistories { evidence: None, .. }), "{error}");
    assert!(error.hint().contains("keep this file"));
}

#[test]
fn a_proof_that_needs_no_key_takes_no_room_of_two_histories() {
    let (place, log) = (Place::new(), Log::new(LOG));
    let witness = place.witness(&log);
    witness.cosign(&log.request(1, 0, 8), NOW).unwrap();
    // A stranger shows what the log signed, each time with other hashes.
    for filler in 0..20 {
        for size in 9..20 {
            let hashes = vec![common::id::Digest([filler; 32])];
            let request = AddCheckpoint { hashes, ..log.request(1, 8, size) };
            let error = witness.cosign(&request, NOW).unwrap_err();
            assert!(matches!(error, WitnessError::NotExtended { .. }), "{error}");
        }
    }
    let kept = witness.evidence().unwrap();
    assert_eq!(kept.len(), crate::limits::WITNESS_EVIDENCE_MAX);
    assert!(kept.iter().all(|place| evidence::is_unproved(place)));
    let error = witness.cosign(&log.request(2, 8, 8), NOW).unwrap_err();
    assert!(matches!(error, WitnessError::TwoHistories { evidence: Some(_), .. }), "{error}");
    witness.cosign(&log.request(1, 8, 12), NOW).unwrap();
}

#[test]
fn only_what_a_key_that_was_told_signed_is_looked_at() {
    let (place, log) = (Place::new(), Log::new(LOG));
    let witness = place.witness(&log);
    // Another key under the same name, and another log.
    let (forged, other) = (Log::new(LOG), Log::new("consilium/ffff/other"));
    let error = witness.cosign(&forged.request(1, 0, 3), NOW).unwrap_err();
    assert!(error.to_string().contains("no key that is known signed it"), "{error}");
    let error = witness.cosign(&other.request(1, 0, 3), NOW).unwrap_err();
    assert!(matches!(error, WitnessError::UnknownLog(_)), "{error}");
    // The same text under another name.
    let renamed = log.request(1, 0, 3).to_text().replace(LOG, other.name);
    witness.trust(&other.verifier(), false).unwrap();
    assert!(witness.cosign(&AddCheckpoint::parse(renamed.as_bytes()).unwrap(), NOW).is_err());
    assert_eq!((witness.size_of(LOG).unwrap(), witness.size_of(other.name).unwrap()), (0, 0));
    assert!(witness.evidence().unwrap().is_empty(), "a stranger fills no folder");
    // Another key of a log that is known is a person's decision.
    assert!(matches!(witness.trust(&forged.verifier(), false), Err(WitnessError::OtherKey(_))));
    witness.cosign(&log.request(1, 0, 3), NOW).unwrap();
    witness.trust(&forged.verifier(), true).unwrap();
    witness.cosign(&forged.request(1, 3, 4), NOW).unwrap();
    assert!(matches!(witness.cosign(&forged.request(2, 3, 9), NOW), Err(WitnessError::OtherStart { .. })));
    for _ in 2..crate::limits::WITNESS_KEYS_MAX {
        witness.trust(&Log::new(LOG).verifier(), true).unwrap();
    }
    assert!(matches!(witness.trust(&Log::new(LOG).verifier(), true), Err(WitnessError::TooMany { .. })));
}

/// Killed behind the memory and before the signature: the head is remembered, and cosigned the next time;
/// another one is not.
#[test]
fn a_head_is_remembered_before_it_is_signed() {
    let (place, log) = (Place::new(), Log::new(LOG));
    let witness = place.witness(&log);
    drop(witness.remember(&log.request(1, 0, 7)).unwrap());
    assert_eq!(witness.size_of(LOG).unwrap(), 7);
    assert!(witness.cosign(&log.request(2, 0, 7), NOW).is_err(), "no other history");
    let found = witness.cosign(&log.request(1, 0, 7), NOW).unwrap();
    assert_eq!(cosigned_at(&found.note, &witness), NOW.0 / 1_000);
}

#[test]
fn what_has_no_room_for_a_signature_is_not_remembered() {
    let (place, log) = (Place::new(), Log::new(LOG));
    let witness = place.witness(&log);
    let mut full = Note::parse(log.note(1, 7).as_bytes()).unwrap();
    for number in 1..certs::limits::NOTE_SIGNATURES_MAX {
        let other = WitnessKey::generate(&format!("w{number}")).unwrap();
        full = other.cosign(full, &log.verifier(), 5).unwrap();
    }
    let request = AddCheckpoint { note: full.to_text(), ..log.request(1, 0, 7) };
    assert!(matches!(witness.cosign(&request, NOW), Err(WitnessError::Certificate(_))));
    assert_eq!(witness.size_of(LOG).unwrap(), 0);
}

#[test]
fn a_memory_that_cannot_be_written_signs_nothing() {
    let (place, log) = (Place::new(), Log::new(LOG));
    let witness = place.witness(&log);
    witness.cosign(&log.request(1, 0, 3), NOW).unwrap();
    // Where the new memory would be written before it takes the place of the old one, as on a broken disk.
    let mut temporary = place.memory(&log).into_os_string();
    temporary.push(format!(".tmp-{}", std::process::id()));
    fs::create_dir(&temporary).unwrap();
    let error = witness.cosign(&log.request(1, 3, 9), NOW).unwrap_err();
    assert!(matches!(error, WitnessError::Io { .. }), "{error}");
    assert_eq!(witness.size_of(LOG).unwrap(), 3);
    fs::remove_dir(&temporary).unwrap();
    witness.cosign(&log.request(1, 3, 9), NOW).unwrap();
}

#[test]
fn a_memory_that_is_cut_changed_or_a_link_cosigns_nothing() {
    let (place, log) = (Place::new(), Log::new(LOG));
    let witness = place.witness(&log);
    witness.cosign(&log.request(1, 0, 6), NOW).unwrap();
    let (path, request) = (place.memory(&log), log.request(1, 6, 9));
    let good = fs::read(&path).unwrap();
    let step = (good.len() / 40).max(1);
    for length in (0..good.len() - 1).step_by(step) {
        fs::write(&path, &good[..length]).unwrap();
        let error = witness.cosign(&request, NOW).unwrap_err();
        assert!(matches!(error, WitnessError::Damaged { .. }), "{length} {error}");
    }
    let text = String::from_utf8(good.clone()).unwrap();
    let forged = Log::new(LOG);
    for changed in [
        // A smaller head that the log never signed; another log's memory; a key that signed nothing.
        text.replace("\\n6\\n", "\\n4\\n"),
        text.replace("0011", "0012"),
        text.replace(&log.verifier().to_text(), &forged.verifier().to_text()),
        text.replace("\"keys\"", "\"key\""),
    ] {
        assert_ne!(changed, text);
        fs::write(&path, changed).unwrap();
        assert!(matches!(witness.cosign(&request, NOW), Err(WitnessError::Damaged { .. })));
    }
    // A link to another memory.
    let aside = place.root.path().join("aside");
    fs::write(&aside, &good).unwrap();
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&aside, &path).unwrap();
    assert!(matches!(witness.cosign(&request, NOW), Err(WitnessError::Private(_))));
    assert!(matches!(Witness::open(&place.folder(), &Passphrase::default()), Err(WitnessError::Private(_))));
    // One that is gone is a log that nobody told it.
    fs::remove_file(&path).unwrap();
    assert!(matches!(witness.cosign(&request, NOW), Err(WitnessError::UnknownLog(_))));
    fs::write(&path, &good).unwrap();
    make_private(&path);
    witness.cosign(&request, NOW).unwrap();
}

fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_witness_is_made_once_and_its_folder_is_its_owners_alone() {
    let place = Place::new();
    let folder = place.folder();
    assert!(matches!(Witness::open(&folder, &Passphrase::default()), Err(WitnessError::NotMade(_))));
    let witness = Witness::create(&folder, "hospital-b").unwrap();
    assert!(matches!(Witness::create(&folder, "hospital-b"), Err(WitnessError::Made(_))));
    assert_eq!(
        Witness::open(&folder, &Passphrase::default()).unwrap().verifier().unwrap(),
        witness.verifier().unwrap()
    );
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(Witness::open(&folder, &Passphrase::default()), Err(WitnessError::Private(_))));
    assert!(Witness::create(&place.root.path().join("other"), "two words").is_err());
    assert!(!place.root.path().join("other").exists());
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    witnesses: Witnesses,
}

fn asked(words: &[&str]) -> Witnesses {
    Line::try_parse_from([&["x"], words].concat()).unwrap().witnesses
}

#[test]
fn every_witness_that_is_named_must_have_cosigned() {
    let log = Log::new(LOG);
    let keys: Vec<WitnessKey> = ["a", "b"].map(|name| WitnessKey::generate(name).unwrap()).into();
    let texts: Vec<String> = keys.iter().map(|key| key.verifier().unwrap().to_text()).collect();
    let cosigned = |key: &WitnessKey, size: u64, at_s: u64| {
        let note = Note::parse(log.note(1, size).as_bytes()).unwrap();
        key.cosign(note, &log.verifier(), at_s).unwrap().to_text()
    };
    let now_s = NOW.0 / 1_000;
    let notes = [cosigned(&keys[0], 3, now_s - 10), cosigned(&keys[0], 9, now_s - 7_200)];
    let one = asked(&["--witness", &texts[0], "--witness", &texts[0]]);
    let found = one.cosigned(&log.verifier(), &notes, NOW).unwrap();
    assert_eq!(found.iter().map(|found| found.head.size).collect::<Vec<_>>(), [9]);
    let both = asked(&["--witness", &texts[0], "--witness", &texts[1]]);
    let error = both.cosigned(&log.verifier(), &notes, NOW).unwrap_err();
    assert!(error.to_string().contains("no head that fits was cosigned by b"), "{error}");
    let more = [&notes[..], &[cosigned(&keys[1], 5, now_s)]].concat();
    assert_eq!(both.cosigned(&log.verifier(), &more, NOW).unwrap().len(), 2);
    // Another witness of the same name; another log's head; a line that does not hold beside one that does.
    let other = WitnessKey::generate("a").unwrap().verifier().unwrap().to_text();
    assert!(asked(&["--witness", &other]).cosigned(&log.verifier(), &more, NOW).is_err());
    assert!(one.cosigned(&Log::new(LOG).verifier(), &notes, NOW).is_err());
    let line = notes[0].lines().last().unwrap();
    let moved = notes[1].lines().last().unwrap();
    let replayed = notes[0].replace(line, moved);
    let error = one.cosigned(&log.verifier(), &[notes[1].clone(), replayed], NOW).unwrap_err();
    assert!(error.to_string().contains("does not hold"), "{error}");
    // The age is that of the largest head.
    let aged = |hours: &str| asked(&["--witness", &texts[0], "--witness-age-max-h", hours]);
    assert!(aged("2").cosigned(&log.verifier(), &notes, NOW).is_ok());
    let error = aged("1").cosigned(&log.verifier(), &notes, NOW).unwrap_err();
    assert!(error.to_string().contains("is 2 hours old"), "{error}");
    let ahead = [cosigned(&keys[0], 9, now_s + 3_600)];
    let error = aged("2").cosigned(&log.verifier(), &ahead, NOW).unwrap_err();
    assert!(error.to_string().contains("in the future"), "{error}");
    assert!(asked(&["--witness", "nobody"]).keys().is_err());
    assert!(Line::try_parse_from(["x", "--witness-age-max-h", "2"]).is_err());
    let many: Vec<&str> = (0..20).flat_map(|_| ["--witness", texts[0].as_str()]).collect();
    assert!(matches!(asked(&many).keys(), Err(WitnessError::TooMany { .. })));
}

#[test]
fn of_each_witness_the_newest_head_is_kept_beside_the_log() {
    let (root, log) = (tempfile::tempdir().unwrap(), Log::new(LOG));
    let path = root.path().join("cosigned.json");
    let keys: Vec<WitnessKey> = ["a", "b"].map(|name| WitnessKey::generate(name).unwrap()).into();
    let verifiers: Vec<WitnessVerifier> = keys.iter().map(|key| key.verifier().unwrap()).collect();
    let cosigned = |key: &WitnessKey, size: u64, at_s: u64| {
        let note = Note::parse(log.note(1, size).as_bytes()).unwrap();
        key.cosign(note, &log.verifier(), at_s).unwrap().to_text()
    };
    let take = |note: &str, witness: usize| {
        CosignedHeads::open(&path).unwrap().take(note, &log.verifier(), &verifiers[witness])
    };
    take(&cosigned(&keys[0], 5, 50), 0).unwrap();
    take(&cosigned(&keys[1], 3, 60), 1).unwrap();
    take(&cosigned(&keys[0], 4, 70), 0).unwrap();
    let open = || CosignedHeads::open(&path).unwrap();
    let sizes = || {
        let all = open().all(&log.verifier()).into_iter().map(Result::unwrap);
        all.map(|head| (head.head.size, head.at_s)).collect::<Vec<_>>()
    };
    assert_eq!(sizes(), [(5, 50), (3, 60)], "a smaller one gives way");
    take(&cosigned(&keys[0], 5, 80), 0).unwrap();
    assert_eq!(sizes(), [(5, 80), (3, 60)]);
    assert_eq!(open().notes().len(), 2);
    // What the witness did not cosign, or the log did not sign, is not kept.
    assert!(take(&cosigned(&keys[1], 9, 90), 0).is_err());
    assert!(take(&log.note(1, 9), 0).is_err());
    assert!(open().all(&Log::new(LOG).verifier()).iter().all(Result::is_err));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(matches!(CosignedHeads::open(&path), Err(WitnessError::Kept { .. })));
}

#[test]
fn a_sealed_key_cosigns_with_its_passphrase_only() {
    let place = Place::new();
    let folder = place.folder();
    let key = Witness::create(&folder, "hospital-b").unwrap().verifier().unwrap();
    let word = |word: &str| {
        let path = place.root.path().join(word);
        common::durable::write(&path, format!("{word}, staple\n").as_bytes(), common::durable::PRIVATE)
            .unwrap();
        Passphrase::of(Some(path), None)
    };
    let file = crate::keys::KeyFile { path: folder.join("witness.key"), what: "a witness'" };
    assert_eq!(crate::keys::seal(std::slice::from_ref(&file), &word("correct horse")).unwrap(), 1);
    assert_eq!(Witness::open(&folder, &word("correct horse")).unwrap().verifier().unwrap(), key);
    let error = Witness::open(&folder, &word("battery horse")).unwrap_err();
    assert!(matches!(error, WitnessError::Key(_)) && error.is_user_error() && !error.hint().is_empty());
}
