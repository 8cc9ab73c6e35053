//! The list follows the database, whatever crashed, and its number never falls.

use certs::JoinToken;
use common::id::SiteId;

use super::super::identity::Identity;
use super::*;
use crate::store::{Certificate, Leaving};

const DAY_MS: u64 = 86_400_000;
const START: Timestamp = Timestamp(1_800_000_000_000);

struct Made {
    _root: tempfile::TempDir,
    folder: StateFolder,
    store: Store,
}

fn made() -> (Made, Identity) {
    let root = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(&root.path().join("state"));
    folder.create().unwrap();
    let identity = Identity::create(&folder, "test", START).unwrap();
    let store = Store::open(&folder.database()).unwrap();
    (Made { _root: root, folder, store }, identity)
}

fn joined(made: &Made, name: &str, number: u8) -> (SiteId, SerialNumber, SpkiPin) {
    let (site, token): (SiteId, _) = (name.parse().unwrap(), JoinToken::from_bytes([number; 32]).hash());
    let (serial, key) = (SerialNumber::from_random([number; 16]), SpkiPin::from_bytes([number; 32]));
    made.store.invite(&site, &token, START.plus_ms(DAY_MS), START).unwrap();
    let certificate = Certificate { serial, key, der: vec![number] };
    made.store.enrol(&token, name, key, START, |_| Ok(certificate)).unwrap();
    (site, serial, key)
}

#[test]
fn what_is_revoked_in_the_database_is_on_the_next_list_and_nothing_else_signs_one() {
    let (made, identity) = made();
    let up_to_date =
        |now: Timestamp| bring_up_to_date(&made.folder, &made.store, &identity.authority, now).unwrap();
    assert_eq!(read(&made.folder).unwrap(), None);
    let (site, serial, key) = joined(&made, "cardiology", 1);
    let first = up_to_date(START);
    assert_eq!((first.number(), first.entries().len()), (START.0 / 1000, 0));
    assert_eq!(up_to_date(START.plus_ms(DAY_MS - 1)), first, "nothing changed");
    // The process ended between the database and the list.
    let before = made.store.revocations().unwrap();
    made.store.revoke(&site, Leaving::Operator, START.plus_ms(5)).unwrap();
    assert!(made.store.revocations().unwrap() > before);
    assert_eq!(read(&made.folder).unwrap().as_deref(), Some(first.der()));
    let second = up_to_date(START.plus_ms(6));
    assert!(second.has_serial(serial) && second.has_key(key));
    assert!(second.number() > first.number());
    assert_eq!(read(&made.folder).unwrap().as_deref(), Some(second.der()));
    assert_eq!(up_to_date(START.plus_ms(7)), second);
    let third = up_to_date(START.plus_ms(DAY_MS + 6));
    assert!(third.number() > second.number() && third.has_serial(serial), "a day later");
}

#[test]
fn a_site_that_joined_again_keeps_its_older_certificate_on_the_list_and_one_that_left_says_so() {
    let (made, identity) = made();
    let (_, old, key) = joined(&made, "cardiology", 1);
    let (_, new, _) = joined(&made, "cardiology", 2);
    let (gone, left, _) = joined(&made, "oncology", 3);
    made.store.revoke(&gone, Leaving::Itself, START).unwrap();
    let list = bring_up_to_date(&made.folder, &made.store, &identity.authority, START).unwrap();
    assert!(list.has_serial(old) && !list.has_key(key), "replaced: rosters with its key hold");
    assert!(!list.has_serial(new) && list.has_serial(left));
    let reasons: Vec<Reason> = list.entries().iter().map(|entry| entry.reason).collect();
    assert_eq!(reasons.iter().filter(|reason| **reason == Reason::Left).count(), 2);
    // An operator's, too.
    let (anna, token) = ("anna".parse().unwrap(), JoinToken::from_bytes([9; 32]).hash());
    made.store.invite_holder(certs::Role::Operator, &anna, &token, START.plus_ms(DAY_MS), START).unwrap();
    let serial = SerialNumber::from_random([9; 16]);
    let certificate = Certificate { serial, key: SpkiPin::from_bytes([9; 32]), der: vec![9] };
    made.store.enrol_holder(&token, "anna", certificate.key, START, |_, _| Ok(certificate.clone())).unwrap();
    made.store.revoke_holder(&anna, START).unwrap();
    let list = bring_up_to_date(&made.folder, &made.store, &identity.authority, START).unwrap();
    assert!(list.has_serial(serial) && list.has_serial(old));
}

#[test]
fn the_number_rises_through_a_rollover_a_lost_file_and_a_clock_that_was_wrong() {
    let (made, identity) = made();
    let fast = START.plus_ms(400 * DAY_MS);
    let first = bring_up_to_date(&made.folder, &made.store, &identity.authority, fast).unwrap();
    let again = bring_up_to_date(&made.folder, &made.store, &identity.authority, START).unwrap();
    assert_eq!(again.number(), first.number() + 1, "it was signed in the future");
    let next = authority::roll(&made.folder, START, START.plus_ms(30 * DAY_MS)).unwrap();
    let rolled = bring_up_to_date(&made.folder, &made.store, &next, START).unwrap();
    assert_eq!(rolled.number(), first.number() + 2, "of the next authority");
    let path = made.folder.ca().join(LIST);
    for damaged in [&b""[..], b"not a list"] {
        fs::write(&path, damaged).unwrap();
        let mended = bring_up_to_date(&made.folder, &made.store, &next, START).unwrap();
        // It falls where the clock was once ahead; the runbook says what to do.
        assert_eq!(mended.number(), START.0 / 1000);
        assert!(mended.number() < rolled.number());
    }
    fs::write(&path, rolled.der()).unwrap();
    let put_back = bring_up_to_date(&made.folder, &made.store, &next, START.plus_ms(2 * DAY_MS)).unwrap();
    assert_eq!(put_back.number(), rolled.number() + 1);
    fs::remove_file(&path).unwrap();
    let later = bring_up_to_date(&made.folder, &made.store, &next, fast.plus_ms(DAY_MS)).unwrap();
    assert!(later.number() > rolled.number(), "the clock of then has come");
}

#[test]
fn a_revoked_certificate_of_the_coordinator_is_listed_and_replaced_and_drops_out_when_it_has_long_ended() {
    let (made, identity) = made();
    let before = identity.server.peer().unwrap();
    revoke_server(&made.folder, &identity.server, START).unwrap();
    revoke_server(&made.folder, &identity.server, START).unwrap();
    assert_eq!(servers(&made.folder).unwrap().len(), 1, "twice is once");
    let loaded = Identity::load(&made.folder, START).unwrap();
    let after = loaded.server.peer().unwrap();
    assert!(after.serial != before.serial && after.key != before.key);
    assert_eq!(Identity::load(&made.folder, START).unwrap().server.peer().unwrap(), after, "once");
    let list = bring_up_to_date(&made.folder, &made.store, &identity.authority, START).unwrap();
    assert!(list.has_serial(before.serial) && list.has_key(before.key) && !list.has_serial(after.serial));
    let later = START.plus_ms(373 * DAY_MS);
    let list = bring_up_to_date(&made.folder, &made.store, &identity.authority, later).unwrap();
    assert!(!list.has_serial(before.serial), "a year and a week later");
}
