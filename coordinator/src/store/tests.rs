//! The store against races, crashes, tampering and full disks.

use std::sync::Arc;

use certs::{JoinToken, SerialNumber, SpkiPin};
use common::clock::Timestamp;
use common::id::{Digest, Round, RunId, SiteId};

use super::database::to_sql;
use super::*;
use crate::limits::{
    FRAMES_PER_DAY_MAX, OFFERS_PER_ROUND_MAX, SEQUENCE_BEHIND_MAX, SEQUENCE_FIRST_MAX, SEQUENCE_STEP_MAX,
};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("coordinator.db")).unwrap();
    (folder, store)
}

fn site() -> SiteId {
    "cardiology".parse().unwrap()
}

fn certificate(serial: u8, key: SpkiPin) -> Certificate {
    Certificate { serial: SerialNumber::from_random([serial; 16]), key, der: vec![serial] }
}

#[test]
fn sixty_four_attempts_with_one_token_give_one_certificate() {
    let (_folder, store) = store();
    let store = Arc::new(store);
    let token = JoinToken::from_bytes([9; 32]).hash();
    store.invite(&site(), &token, Timestamp(1_000), Timestamp(0)).unwrap();
    let attempt = |index: u8| {
        let store = Arc::clone(&store);
        std::thread::spawn(move || {
            let key = SpkiPin::of_spki(&[index]);
            store.enrol(&token, "cardiology", key, Timestamp(1), |_| Ok(certificate(index, key)))
        })
    };
    let threads: Vec<_> = (0..64).map(attempt).collect();
    let results: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|result| matches!(result, Err(StoreError::TokenUsed))).count(), 63);
    let winner = results.into_iter().find_map(Result::ok).unwrap().certificate;
    let again =
        store.enrol(&token, "cardiology", winner.key, Timestamp(5_000), |_| panic!("signed twice")).unwrap();
    assert_eq!(
        (again.certificate.clone(), again.fresh),
        (winner, false),
        "the same key gets the same, even later"
    );
    assert_eq!(store.authorise(again.certificate.serial, again.certificate.key).unwrap(), Some(site()));
    assert_eq!(store.authorise(again.certificate.serial, SpkiPin::of_spki(b"other")).unwrap(), None);
    assert!(store.revoke(&site(), Leaving::Operator, Timestamp(2)).unwrap());
    assert_eq!(store.authorise(again.certificate.serial, again.certificate.key).unwrap(), None);
    assert!(matches!(
        store.invite(&site(), &token, Timestamp(9), Timestamp(3)),
        Err(StoreError::SiteRevoked(_))
    ));
}

#[test]
fn unknown_and_expired_tokens_and_failed_signatures_consume_nothing() {
    let (_folder, store) = store();
    let token = JoinToken::from_bytes([9; 32]).hash();
    let key = SpkiPin::of_spki(b"key");
    let unknown = store.enrol(&token, "cardiology", key, Timestamp(1), |_| Ok(certificate(1, key)));
    assert!(matches!(unknown, Err(StoreError::TokenUnknown)));
    store.invite(&site(), &token, Timestamp(1_000), Timestamp(0)).unwrap();
    let expired = store.enrol(&token, "cardiology", key, Timestamp(1_000), |_| Ok(certificate(1, key)));
    assert!(matches!(expired, Err(StoreError::TokenExpired)));
    let failed =
        store.enrol(&token, "cardiology", key, Timestamp(1), |_| Err(StoreError::Certificate("no".into())));
    assert!(matches!(failed, Err(StoreError::Certificate(_))));
    assert_eq!(store.sites().unwrap()[0].status, SiteStatus::Invited);
    assert!(store.enrol(&token, "cardiology", key, Timestamp(1), |_| Ok(certificate(1, key))).unwrap().fresh);
}

#[test]
fn the_journal_survives_reopening_and_shows_any_change() {
    let (folder, store) = store();
    let run = RunId([3; 8]);
    for round in 0..3 {
        store.append(run, Round(round), "tick", Timestamp(10 + u64::from(round)), "{}").unwrap();
    }
    let before = store.journal().unwrap();
    drop(store);
    let path = folder.path().join("coordinator.db");
    let store = Store::open(&path).unwrap();
    assert_eq!(store.journal().unwrap(), before);
    for damage in [
        "UPDATE journal SET body = '{ }' WHERE seq = 2",
        "UPDATE journal SET at = 99 WHERE seq = 3",
        "DELETE FROM journal WHERE seq = 2",
    ] {
        let copy = folder.path().join("copy.db");
        let _ = std::fs::remove_file(&copy);
        store.lock().execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
        let damaged = Store::open(&copy).unwrap();
        damaged.lock().execute(damage, []).unwrap();
        assert!(matches!(damaged.journal(), Err(StoreError::Corrupt(_))), "{damage}");
    }
}

#[test]
fn frames_are_counted_and_chained() {
    let (_folder, store) = store();
    let token = JoinToken::from_bytes([9; 32]).hash();
    store.invite(&site(), &token, Timestamp(1_000), Timestamp(0)).unwrap();
    assert_eq!(store.frame_totals(&site()).unwrap(), None);
    let frame =
        |sequence| ReceivedFrame { sequence, kind: "poll", bytes: 10, sha256: Digest::of(&[sequence as u8]) };
    store.record_frame(&site(), &frame(4), Timestamp(1)).unwrap().unwrap();
    let totals = store.record_frame(&site(), &frame(5), Timestamp(2)).unwrap().unwrap();
    assert_eq!((totals.first_sequence, totals.last_sequence, totals.frames, totals.bytes), (4, 5, 2, 20));
    let one = Digest::of(&[[0; 32], Digest::of(&[4]).0].concat());
    assert_eq!(totals.running_hash, Digest::of(&[one.0, Digest::of(&[5]).0].concat()));
    assert_eq!(store.frame_totals(&site()).unwrap(), Some(totals));
}

/// The attacks: the sequence number 2^64 - 1, numbers that go back, and frames without end.
#[test]
fn numbers_go_forward_by_bounded_steps_and_a_day_has_so_many_frames() {
    let (_folder, store) = store();
    let token = JoinToken::from_bytes([9; 32]).hash();
    store.invite(&site(), &token, Timestamp(1_000), Timestamp(0)).unwrap();
    let frame = |sequence| ReceivedFrame { sequence, kind: "poll", bytes: 10, sha256: Digest::of(b"f") };
    let send = |sequence, at| store.record_frame(&site(), &frame(sequence), Timestamp(at)).unwrap();
    for far in [u64::MAX, SEQUENCE_FIRST_MAX + 1] {
        assert_eq!(send(far, 1), Err(FrameRefusal::Sequence { last: 0 }), "the first one, too");
    }
    assert!(send(1_000, 1).is_ok());
    for wrong in [u64::MAX, 1_001 + SEQUENCE_STEP_MAX, 999 - SEQUENCE_BEHIND_MAX, 1] {
        assert_eq!(send(wrong, 1), Err(FrameRefusal::Sequence { last: 1_000 }), "{wrong}");
    }
    assert!(send(1_000 - SEQUENCE_BEHIND_MAX, 1).is_ok(), "requests overtake each other");
    assert!(send(1_000 + SEQUENCE_STEP_MAX, 1).is_ok(), "a coordinator was restored from a backup");
    let last = store.frame_totals(&site()).unwrap().unwrap().last_sequence;
    let full = "UPDATE frame_totals SET frames_of_day = ?";
    store.lock().execute(full, [to_sql(FRAMES_PER_DAY_MAX)]).unwrap();
    assert_eq!(send(last + 1, 2), Err(FrameRefusal::TooMany));
    assert!(send(last + 1, 86_400_002).is_ok(), "tomorrow is another day");
    assert!(send(last + 2, 86_400_003).is_ok());
    // Who joins again begins a new ledger.
    store
        .enrol(&token, "cardiology", SpkiPin::of_spki(b"k"), Timestamp(5), |_| {
            Ok(certificate(1, SpkiPin::of_spki(b"k")))
        })
        .unwrap();
    assert!(send(1, 86_400_004).is_ok());
}

/// A frame of a line that broke arrives behind the greeting of the next one: in no ledger it stands there.
#[test]
fn no_frame_is_counted_behind_the_greeting_of_a_newer_connection() {
    let (_folder, store) = store();
    let token = JoinToken::from_bytes([9; 32]).hash();
    store.invite(&site(), &token, Timestamp(1_000), Timestamp(0)).unwrap();
    let send = |sequence, kind| {
        let frame = ReceivedFrame { sequence, kind, bytes: 10, sha256: Digest::of(b"f") };
        store.record_frame(&site(), &frame, Timestamp(1)).unwrap()
    };
    for (sequence, kind) in [(1, "hello"), (2, "fetch"), (6, "fetch"), (4, "poll"), (7, "hello"), (8, "poll")]
    {
        assert!(send(sequence, kind).is_ok(), "{sequence}");
    }
    let before = store.frame_totals(&site()).unwrap();
    for (sequence, kind) in [(3, "fetch"), (5, "chunk"), (5, "hello")] {
        assert_eq!(send(sequence, kind), Err(FrameRefusal::Overtaken { hello: 7 }), "{sequence}");
    }
    assert_eq!(send(6, "fetch"), Err(FrameRefusal::Repeated), "whatever overtook it");
    assert_eq!(store.frame_totals(&site()).unwrap(), before, "nothing is counted");
    assert!(send(9, "fetch").is_ok());
    // A count that begins anew knows of no greeting yet.
    store.accept_restored(Timestamp(2)).unwrap();
    assert!(send(5, "fetch").is_ok() && send(10, "hello").is_ok());
    assert_eq!(send(6, "fetch"), Err(FrameRefusal::Overtaken { hello: 10 }));
}

#[test]
fn a_site_offers_few_updates_for_a_round() {
    let (_folder, store) = store();
    store.invite(&site(), &JoinToken::from_bytes([9; 32]).hash(), Timestamp(9), Timestamp(0)).unwrap();
    let run = RunId([1; 8]);
    let put = |round, number: usize| {
        let digest = Digest::of(&number.to_le_bytes());
        let offer = Offer { digest, bytes: 7, records: 780, tokens: 1000, loss: 5.5 };
        store.put_offer(run, Round(round), &site(), &offer, Timestamp(1)).unwrap()
    };
    assert!((0..OFFERS_PER_ROUND_MAX).all(|number| put(1, number)));
    assert!(!put(1, OFFERS_PER_ROUND_MAX), "one more");
    assert!(put(1, 0), "the same again");
    assert!(put(2, OFFERS_PER_ROUND_MAX), "another round");
}

#[test]
fn receipts_stand_and_offers_come_back() {
    let (_folder, store) = store();
    let (run, round) = (RunId([1; 8]), Round(1));
    let token = JoinToken::from_bytes([9; 32]).hash();
    store.invite(&site(), &token, Timestamp(1_000), Timestamp(0)).unwrap();
    let digest = Digest::of(b"u");
    assert_eq!(store.put_receipt(run, round, &site(), digest, b"first").unwrap(), b"first");
    assert_eq!(store.put_receipt(run, round, &site(), digest, b"second").unwrap(), b"first");
    let offer = Offer { digest, bytes: 7, records: 780, tokens: 1000, loss: 5.5 };
    store.put_offer(run, round, &site(), &offer, Timestamp(1)).unwrap();
    assert_eq!(store.offer(run, round, &site(), digest).unwrap(), Some(offer));
    assert_eq!(store.offer_by_digest(&site(), digest).unwrap(), Some((run, round, offer)));
    assert_eq!(store.offer(run, Round(2), &site(), digest).unwrap(), None);
}

#[test]
fn a_newer_or_broken_database_is_refused() {
    let (folder, store) = store();
    store.lock().pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    let path = folder.path().join("coordinator.db");
    assert!(matches!(Store::open(&path), Err(StoreError::Newer { found: 99, .. })));
    std::fs::write(&path, b"this is not a database, it is much too friendly for one").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_site_declares_once_and_each_batch_is_one_set_of_points() {
    let (_folder, store) = store();
    store.invite(&site(), &JoinToken::from_bytes([9; 32]).hash(), Timestamp(9), Timestamp(0)).unwrap();
    let (run, other, at) = (RunId([1; 8]), RunId([2; 8]), Timestamp(1));
    assert_eq!(store.overlap_points(run, &site()).unwrap(), None);
    assert_eq!(store.declare_overlap(run, &site(), 2048, at).unwrap(), 2048);
    assert_eq!(store.declare_overlap(run, &site(), 4096, at).unwrap(), 2048, "the first number stands");
    assert_eq!(
        store.declare_overlap(other, &site(), 1024, at).unwrap(),
        1024,
        "another run is another matter"
    );
    assert_eq!(store.overlap_points(run, &site()).unwrap(), Some(2048));
    let (first, second) = (Digest::of(b"first"), Digest::of(b"second"));
    assert_eq!(store.put_overlap_batch(run, &site(), 0, first, at).unwrap(), first);
    assert_eq!(
        store.put_overlap_batch(run, &site(), 0, second, at).unwrap(),
        first,
        "the first points stand"
    );
    assert_eq!(store.put_overlap_batch(run, &site(), 4096, second, at).unwrap(), second);
}

#[test]
fn on_a_full_disk_the_reserve_is_given_up_once() {
    let (folder, store) = store();
    let reserve = folder.path().join("coordinator.reserve");
    store.keep_reserve();
    assert!(reserve.exists());
    let calls = std::cell::Cell::new(0);
    let full_until = |call: u32| {
        calls.set(0);
        store.with_reserve(|| {
            calls.set(calls.get() + 1);
            if calls.get() < call { Err(StoreError::Full) } else { Ok(()) }
        })
    };
    assert!(full_until(1).is_ok() && calls.get() == 1 && reserve.exists(), "not where there is room");
    assert!(full_until(2).is_ok() && calls.get() == 2 && !reserve.exists());
    assert!(matches!(full_until(2), Err(StoreError::Full)), "there is none left");
    store.keep_reserve();
    assert!(matches!(full_until(3), Err(StoreError::Full)) && calls.get() == 2, "and no third attempt");
}
