//! Ledgers that grow, that were cut, and that were rewritten; and what a person may accept.

use certs::{JoinToken, SerialNumber, SpkiPin};
use common::ledger::{Prover, Tree};

use super::super::{Certificate, FrameRefusal, ReceivedFrame};
use super::*;

/// A site's ledger: its lines.
#[derive(Clone)]
struct Ledger(Vec<Vec<u8>>);

impl Ledger {
    fn of(records: u64) -> Self {
        Self((0..records).map(|number| format!("record {number}").into_bytes()).collect())
    }

    fn head(&self) -> LedgerHead {
        let mut tree = Tree::default();
        self.0.iter().for_each(|line| tree.append(line));
        LedgerHead { size: tree.size(), root: tree.root() }
    }

    fn proof(&self, from: u64) -> Vec<Digest> {
        let mut prover = Prover::new(from, self.0.len() as u64);
        self.0.iter().for_each(|line| prover.line(line));
        prover.proof()
    }
}

struct Coordinator {
    folder: tempfile::TempDir,
    store: Store,
    site: SiteId,
}

impl Coordinator {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("coordinator.db")).unwrap();
        let site: SiteId = "cardiology".parse().unwrap();
        let new = Self { folder, store, site };
        new.join(1);
        new
    }

    /// The site joins with a new key.
    fn join(&self, number: u8) {
        let token = JoinToken::from_bytes([number; 32]).hash();
        let key = SpkiPin::of_spki(&[number]);
        self.store.invite(&self.site, &token, Timestamp(9), Timestamp(0)).unwrap();
        let serial = SerialNumber::from_random([number; 16]);
        let certificate = Certificate { serial, key, der: vec![number] };
        self.store.enrol(&token, self.site.as_str(), key, Timestamp(1), |_| Ok(certificate)).unwrap();
    }

    fn announce(&self, ledger: &Ledger) -> LedgerAnswer {
        self.announce_at(ledger, 5)
    }

    fn announce_at(&self, ledger: &Ledger, at: u64) -> LedgerAnswer {
        // The greeting's own record stands behind what it announces.
        let sequence = ledger.0.len() as u64;
        self.store.announce_ledger(&self.site, &ledger.head(), sequence, Timestamp(at)).unwrap()
    }

    fn prove(&self, from: u64, ledger: &Ledger) -> LedgerAnswer {
        let proof = ledger.proof(from);
        self.store.prove_ledger(&self.site, from, &ledger.head(), &proof, Timestamp(6)).unwrap()
    }

    fn receive(&self, sequence: u64) {
        let frame = ReceivedFrame { sequence, kind: "poll", bytes: 10, sha256: Digest::of(b"f") };
        self.store.record_frame(&self.site, &frame, Timestamp(7)).unwrap().unwrap();
    }

    fn question(&self) -> Option<LedgerQuestion> {
        self.store.ledger_question(&self.site).unwrap()
    }
}

#[test]
fn a_ledger_that_grows_is_taken_once_it_is_proved() {
    let mut coordinator = Coordinator::new();
    assert_eq!(coordinator.announce(&Ledger::of(1)), LedgerAnswer::Taken, "the first word");
    assert_eq!(coordinator.announce(&Ledger::of(1)), LedgerAnswer::Taken, "the same again");
    assert_eq!(coordinator.announce(&Ledger::of(5)), LedgerAnswer::Prove { from: 1 });
    assert!(coordinator.question().is_some_and(|open| !open.is_refused), "unanswered so far");
    assert_eq!(coordinator.prove(1, &Ledger::of(6)), LedgerAnswer::Taken);
    assert_eq!(coordinator.question(), None);
    // Durable.
    coordinator.store = Store::open(&coordinator.folder.path().join("coordinator.db")).unwrap();
    assert_eq!(coordinator.store.ledger_head(&coordinator.site).unwrap(), Some(Ledger::of(6).head()));
    assert_eq!(coordinator.announce(&Ledger::of(7)), LedgerAnswer::Prove { from: 6 });
}

/// The attacks of the review: a ledger that is cut, rewritten, or half as long; and no proof, or one of
/// another.
#[test]
fn what_does_not_extend_the_ledger_is_refused_until_it_does() {
    let mut rewritten = Ledger::of(9);
    rewritten.0[3] = b"nothing happened".to_vec();
    let half = Ledger(Ledger::of(12).0.into_iter().step_by(2).collect());
    for forged in [Ledger::of(0), Ledger::of(5), half, Ledger(rewritten.0[..6].to_vec()), rewritten.clone()] {
        let coordinator = Coordinator::new();
        assert_eq!(coordinator.announce(&Ledger::of(6)), LedgerAnswer::Taken);
        let answer = match coordinator.announce(&forged) {
            LedgerAnswer::Prove { from } => coordinator.prove(from, &forged),
            answer => answer,
        };
        assert_eq!(answer, LedgerAnswer::Refused, "{} records", forged.0.len());
        assert!(coordinator.question().is_some_and(|open| open.is_refused));
        assert_eq!(coordinator.store.ledger_head(&coordinator.site).unwrap(), Some(Ledger::of(6).head()));
        // What is left of the true one extends it after all: no question is left.
        assert_eq!(coordinator.announce(&Ledger::of(8)), LedgerAnswer::Prove { from: 6 });
        assert!(coordinator.question().is_some_and(|open| open.is_refused), "still refused until proved");
        assert_eq!(coordinator.prove(6, &Ledger::of(9)), LedgerAnswer::Taken);
        assert_eq!(coordinator.question(), None);
    }
    let coordinator = Coordinator::new();
    coordinator.announce(&Ledger::of(6));
    assert_eq!(coordinator.prove(4, &Ledger::of(9)), LedgerAnswer::Refused, "from another size than is kept");
}

#[test]
fn a_ledger_without_the_frames_that_arrived_is_refused_at_the_first_word_too() {
    let coordinator = Coordinator::new();
    coordinator.receive(4);
    assert_eq!(coordinator.announce(&Ledger::of(4)), LedgerAnswer::Refused);
    assert_eq!(coordinator.announce(&Ledger::of(5)), LedgerAnswer::Refused, "the question is open");
    let coordinator = Coordinator::new();
    coordinator.receive(4);
    assert_eq!(coordinator.announce(&Ledger::of(5)), LedgerAnswer::Taken);
    coordinator.receive(5);
    assert_eq!(coordinator.announce(&Ledger::of(5)), LedgerAnswer::Refused, "the same size, a frame later");
}

/// The attack: the end of a ledger is cut off behind what was announced, and every greeting that is refused
/// makes it longer, until it is as long as what arrived.
#[test]
fn a_ledger_that_was_cut_is_not_taken_once_it_has_grown_again() {
    let coordinator = Coordinator::new();
    assert_eq!(coordinator.announce(&Ledger::of(3)), LedgerAnswer::Taken);
    (3..9).for_each(|sequence| coordinator.receive(sequence));
    let cut = |greetings: usize| {
        let own = (0..greetings).map(|number| format!("greeting {number}").into_bytes());
        Ledger(Ledger::of(6).0.into_iter().chain(own).collect())
    };
    for greetings in 0..8 {
        assert_eq!(coordinator.announce(&cut(greetings)), LedgerAnswer::Refused, "{greetings}");
        assert_eq!(coordinator.prove(3, &cut(greetings)), LedgerAnswer::Refused, "{greetings}");
    }
    let open = coordinator.question().unwrap();
    assert_eq!((open.is_refused, open.repeated), (true, Some(6)), "the first one");
    // The whole one is not taken by itself either: what came under these numbers is not in it.
    assert_eq!(coordinator.announce(&Ledger::of(9)), LedgerAnswer::Refused);
    let accepted = coordinator.store.accept_ledger(&coordinator.site, &open.found, Timestamp(20)).unwrap();
    assert!(accepted.is_some() && coordinator.question().is_none());
    // The numbers of the count before may come again, and each of them once.
    let found = usize::try_from(open.found.size).unwrap();
    assert_eq!(coordinator.announce(&cut(found - 6)), LedgerAnswer::Taken);
    coordinator.receive(open.found.size);
    let frame = ReceivedFrame { sequence: open.found.size, kind: "poll", bytes: 1, sha256: Digest::of(b"g") };
    let again = coordinator.store.record_frame(&coordinator.site, &frame, Timestamp(21)).unwrap();
    assert_eq!(again, Err(FrameRefusal::Repeated));
}

/// A worker that was copied goes on with the same numbers, on a connection whose greeting was taken.
#[test]
fn a_number_that_comes_twice_on_an_open_connection_is_a_question_for_a_person() {
    let coordinator = Coordinator::new();
    assert_eq!(coordinator.announce(&Ledger::of(3)), LedgerAnswer::Taken);
    (3..6).for_each(|sequence| coordinator.receive(sequence));
    assert_eq!(coordinator.question(), None);
    let frame = ReceivedFrame { sequence: 4, kind: "poll", bytes: 1, sha256: Digest::of(b"g") };
    let send = || coordinator.store.record_frame(&coordinator.site, &frame, Timestamp(8)).unwrap();
    assert_eq!(send(), Err(FrameRefusal::Repeated));
    let open = coordinator.question().unwrap();
    let kept = Ledger::of(3).head();
    assert_eq!((open.kept, open.found), (Some(kept), kept));
    assert_eq!((open.is_refused, open.repeated, open.since), (true, Some(4), Timestamp(8)));
    assert_eq!(coordinator.store.frame_totals(&coordinator.site).unwrap().unwrap().frames, 3, "not counted");
    // Neither the same ledger nor a longer one closes it.
    assert_eq!(coordinator.announce(&Ledger::of(7)), LedgerAnswer::Refused);
    assert_eq!(coordinator.prove(3, &Ledger::of(7)), LedgerAnswer::Refused);
    assert_eq!(coordinator.question().unwrap().repeated, Some(4));
}

/// Two connections of one agent: a frame of the older one overtakes the greeting of the newer one.
#[test]
fn a_greeting_that_is_overtaken_is_taken_the_next_time() {
    let coordinator = Coordinator::new();
    assert_eq!(coordinator.announce(&Ledger::of(3)), LedgerAnswer::Taken);
    (3..7).for_each(|sequence| coordinator.receive(sequence));
    let early = Ledger::of(6).head();
    let answer = coordinator.store.announce_ledger(&coordinator.site, &early, 7, Timestamp(8)).unwrap();
    assert_eq!(answer, LedgerAnswer::Refused, "frame 6 is not in it");
    assert_eq!(coordinator.announce(&Ledger::of(8)), LedgerAnswer::Prove { from: 3 });
    assert_eq!(coordinator.prove(3, &Ledger::of(9)), LedgerAnswer::Taken);
}

#[test]
fn what_a_person_accepts_is_kept_recorded_and_counted_anew() {
    let coordinator = Coordinator::new();
    let restored = Ledger(vec![b"another".to_vec(); 3]);
    let shown = restored.head();
    let accept = || coordinator.store.accept_ledger(&coordinator.site, &shown, Timestamp(20)).unwrap();
    assert_eq!(accept(), None, "there is no question");
    coordinator.announce(&Ledger::of(6));
    coordinator.receive(6);
    coordinator.announce(&restored);
    let other = Ledger(vec![b"edited".to_vec(); 3]).head();
    let not_shown = coordinator.store.accept_ledger(&coordinator.site, &other, Timestamp(20)).unwrap();
    assert_eq!(not_shown, None, "a person decides about what they were shown");
    let open = accept().unwrap();
    assert_eq!((open.kept, open.found), (Some(Ledger::of(6).head()), restored.head()));
    assert_eq!((coordinator.question(), accept()), (None, None));
    let longer = Ledger([restored.0, vec![b"and more".to_vec()]].concat());
    assert_eq!(coordinator.announce(&longer), LedgerAnswer::Prove { from: 3 });
    assert_eq!(coordinator.prove(3, &longer), LedgerAnswer::Taken);
    coordinator.receive(4);
    let totals = coordinator.store.frame_totals(&coordinator.site).unwrap().unwrap();
    assert_eq!((totals.first_sequence, totals.last_sequence, totals.frames, totals.bytes), (4, 4, 1, 10));
    let decisions: i64 = coordinator
        .store
        .lock()
        .query_row("SELECT count(*) FROM ledger_decisions WHERE at = 20 AND kept_size = 6", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(decisions, 1);
    // Who joins again begins a ledger.
    coordinator.announce(&Ledger::of(1));
    coordinator.join(2);
    assert_eq!(coordinator.question(), None);
    assert_eq!(coordinator.announce(&Ledger::of(1)), LedgerAnswer::Taken);
}

#[test]
fn a_site_that_insists_writes_once_a_second() {
    let coordinator = Coordinator::new();
    coordinator.announce(&Ledger::of(6));
    let found = || coordinator.question().unwrap().found.size;
    coordinator.announce_at(&Ledger::of(2), 10_000);
    assert_eq!(found(), 2);
    coordinator.announce_at(&Ledger::of(3), 10_000 + LEDGER_NOTE_MS_MIN);
    assert_eq!(found(), 2, "not yet");
    coordinator.announce_at(&Ledger::of(4), 10_001 + LEDGER_NOTE_MS_MIN);
    assert_eq!(found(), 4);
    assert_eq!(coordinator.question().unwrap().since, Timestamp(10_000));
}

/// The receipt of an update that we do not know, though we signed it.
#[test]
fn a_receipt_that_is_not_known_stops_us_until_a_person_accepts_it() {
    let coordinator = Coordinator::new();
    let key = common::wire::message::RoundKey { run: common::id::RunId([3; 8]), round: common::id::Round(2) };
    let body = common::wire::message::ReceiptBody {
        site: Digest::of(b"cardiology"),
        key,
        digest: Digest([4; 32]),
        bytes: 1,
        first_sequence: 1,
        last_sequence: 9,
        received_bytes: 90,
        running_hash: Digest([5; 32]),
    };
    let remembers =
        |accepted| coordinator.store.remembers(&coordinator.site, &body, accepted, Timestamp(5)).unwrap();
    let proofs = || coordinator.store.proofs_of_an_older_copy().unwrap();
    coordinator.receive(4);
    assert!(proofs().is_empty() && !remembers(false) && !remembers(false));
    assert_eq!(proofs(), ["cardiology"]);
    coordinator.store.accept_restored(Timestamp(8)).unwrap();
    assert!(proofs().is_empty() && remembers(false), "once accepted it is not asked about again");
    coordinator.receive(70);
    let totals = coordinator.store.frame_totals(&coordinator.site).unwrap().unwrap();
    assert_eq!((totals.first_sequence, totals.frames), (70, 1), "counted anew");
    let known = common::wire::message::ReceiptBody { digest: Digest([6; 32]), ..body };
    coordinator.store.put_receipt(key.run, key.round, &coordinator.site, known.digest, b"receipt").unwrap();
    assert!(coordinator.store.remembers(&coordinator.site, &known, false, Timestamp(9)).unwrap());
}

/// The attack: a member that kept every receipt of the lost rounds, and shows one after the other. It stops
/// the consortium once, and a second restoration is noticed all the same.
#[test]
fn a_member_that_shows_every_old_receipt_stops_us_once() {
    let coordinator = Coordinator::new();
    let receipt = |round: u32, first_sequence: u64| common::wire::message::ReceiptBody {
        site: Digest::of(b"cardiology"),
        key: common::wire::message::RoundKey {
            run: common::id::RunId([3; 8]),
            round: common::id::Round(round),
        },
        digest: Digest::of(&round.to_le_bytes()),
        bytes: 1,
        first_sequence,
        last_sequence: 9 * u64::from(round),
        received_bytes: 90,
        running_hash: Digest([5; 32]),
    };
    let shows = |round, first_sequence| {
        let body = receipt(round, first_sequence);
        coordinator.store.remembers(&coordinator.site, &body, false, Timestamp(5)).unwrap()
    };
    let stops = || coordinator.store.is_doubted().unwrap();
    coordinator.receive(4);
    assert!(!shows(1, 4) && stops(), "the copy is older");
    coordinator.store.accept_restored(Timestamp(8)).unwrap();
    // The member says that its ledger begins where the old count began.
    coordinator.receive(4);
    for round in 2..40 {
        assert!(shows(round, 4) && shows(round, 1) && !stops(), "round {round}");
    }
    // Another count that had ended by then, and one that the coordinator has now.
    coordinator.store.accept_restored(Timestamp(9)).unwrap();
    coordinator.receive(50);
    assert!(shows(41, 7) && !stops());
    assert!(!shows(42, 50) && stops(), "restored once more");
    coordinator.store.accept_restored(Timestamp(10)).unwrap();
    coordinator.receive(60);
    assert!((43..60).all(|round| shows(round, 50)) && !stops());
    // Who joins again may stop us for the new count, once.
    coordinator.join(2);
    coordinator.receive(1);
    assert!(!shows(61, 1) && stops());
    coordinator.store.accept_restored(Timestamp(11)).unwrap();
    coordinator.receive(1);
    assert!((62..70).all(|round| shows(round, 1)) && !stops());
}
