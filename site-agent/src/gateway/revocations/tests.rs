//! Lists as a hostile or a lost coordinator would give them.

use certs::crl::{self, LIFETIME, Reason, Revoked, TOLERANCE};
use certs::limits::REVOCATIONS_BYTES_MAX;
use certs::{CertificateAuthority, IdentityKey, SerialNumber, TlsIdentity};
use common::id::Digest;
use common::run::Member;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn serial(number: u8) -> SerialNumber {
    SerialNumber::from_random([number; 16])
}

fn authority() -> CertificateAuthority {
    CertificateAuthority::create("test", &serial(1), now() - 100 * DAY).unwrap()
}

fn revoked(number: u8, reason: Reason) -> Revoked {
    let key = SpkiPin::from_bytes([number; 32]);
    Revoked { serial: serial(number), key, since: now() - DAY, reason }
}

fn empty(authority: &CertificateAuthority) -> Revocations {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("site.db")).unwrap();
    Revocations::load(&store, authority.certificate_der()).unwrap()
}

/// As the connection does it.
fn take(
    here: &mut Revocations,
    der: &[u8],
    successor_der: Option<&[u8]>,
    now: SystemTime,
) -> Result<(), String> {
    here.put(here.check(der, successor_der, now)?);
    Ok(())
}

#[test]
fn the_number_never_falls_also_over_a_restart_and_another_authority() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("site.db")).unwrap();
    let old = authority();
    let new = old.successor(&serial(2), now()).unwrap();
    let bridge = old.bridge_to(&new, serial(3), now()).unwrap();
    let mut here = Revocations::load(&store, old.certificate_der()).unwrap();
    assert!(here.is_due(now()) && here.known() == 0 && here.must_hold(now()).is_err());
    let list = |authority: &CertificateAuthority, number, reasons: &[Revoked]| {
        crl::sign(authority, number, reasons, now()).unwrap()
    };
    let seventh = list(&old, 7, &[]);
    take(&mut here, &seventh, None, now()).unwrap();
    store.record_revocations(7, &seventh, 1).unwrap();
    let older = take(&mut here, &list(&old, 6, &[]), None, now()).unwrap_err();
    assert_eq!(older, "its number 6 is below 7, which was taken before");
    let two = take(&mut here, &list(&old, 7, &[revoked(9, Reason::Left)]), None, now()).unwrap_err();
    assert!(two.contains("another list than the one before with its number 7"), "{two}");
    assert!(take(&mut here, &seventh, None, now()).is_ok(), "the same again");
    // Another authority follows: its list is taken once the coordinator has shown that it does.
    let eighth = list(&new, 8, &[]);
    assert!(take(&mut here, &eighth, None, now()).unwrap_err().contains("did not sign it"));
    take(&mut here, &eighth, Some(&bridge), now()).unwrap();
    store.record_revocations(8, &eighth, 2).unwrap();
    store.record_revocations(5, b"older", 3).unwrap();
    here.follow(&bridge);
    assert!(
        take(&mut here, &list(&old, 9, &[]), None, now()).is_err(),
        "the earlier key is worth nothing any more"
    );
    for (authority_der, known) in [(bridge.as_slice(), 8), (old.certificate_der(), 0)] {
        let mut again = Revocations::load(&store, authority_der).unwrap();
        assert_eq!(again.known(), known);
        let by = if known == 8 { &new } else { &old };
        assert!(take(&mut again, &list(by, 7, &[]), None, now()).is_err(), "remembered over a restart");
        assert!(take(&mut again, &list(by, 9, &[]), None, now()).is_ok());
    }
}

#[test]
fn a_list_that_is_strange_cut_giant_expired_or_from_the_future_changes_nothing() {
    let ours = authority();
    let mut here = empty(&ours);
    let good = crl::sign(&ours, 7, &[], now()).unwrap();
    take(&mut here, &good, None, now()).unwrap();
    let giant = vec![0x30; REVOCATIONS_BYTES_MAX + 1];
    let mut more = crl::sign(&ours, 8, &[], now()).unwrap();
    more.push(0);
    for (der, words) in [
        (crl::sign(&authority(), 8, &[], now()).unwrap(), "did not sign it"),
        (good[..good.len() - 1].to_vec(), "not a list in DER"),
        (Vec::new(), "not a list in DER"),
        (giant, "longer than a list may be"),
        (more, "not a list in DER"),
        (crl::sign(&ours, 8, &[], now() - LIFETIME - TOLERANCE).unwrap(), "it ended on 2027-01-15"),
        (crl::sign(&ours, 8, &[], now() + 2 * TOLERANCE).unwrap(), "it begins in the future"),
    ] {
        let refused = take(&mut here, &der, None, now()).unwrap_err();
        assert!(refused.contains(words), "{refused}");
        assert_eq!(here.known(), 7);
        assert!(here.must_hold(now()).is_ok());
    }
    // Withheld: the one that is here ends, and the word is clear.
    let end = now() + LIFETIME + TOLERANCE;
    assert!(here.must_hold(end - Duration::from_secs(1)).is_ok());
    let stopped = here.must_hold(end).unwrap_err();
    assert!(stopped.to_string().contains("ended on 2027-01-22T08:00:00Z"), "{stopped}");
    assert!(stopped.hint().is_some() && stopped.is_retryable());
    assert!(here.words(end).starts_with("NOTHING LEAVES: "), "{}", here.words(end));
    assert_eq!(here.words(now()), "good until 2027-01-22T08:00:00Z");
}

#[test]
fn a_newer_one_is_asked_for_after_a_day_and_once_an_hour() {
    let ours = authority();
    let mut here = empty(&ours);
    here.asks(now());
    assert!(here.is_due(now()), "without one it is always time");
    take(&mut here, &crl::sign(&ours, 7, &[], now()).unwrap(), None, now()).unwrap();
    assert!(!here.is_due(now() + DAY - Duration::from_secs(1)) && here.is_due(now() + DAY));
    here.asks(now() + DAY);
    let hour = Duration::from_millis(REVOCATIONS_PAUSE_MS_MIN);
    assert!(!here.is_due(now() + DAY + hour / 2) && here.is_due(now() + DAY + hour));
    here.asks(now() + LIFETIME + TOLERANCE);
    assert!(here.is_due(now() + LIFETIME + TOLERANCE), "it has ended");
}

#[test]
fn a_coordinator_or_a_member_that_is_listed_is_refused() {
    let ours = authority();
    let server = || {
        let key = IdentityKey::generate().unwrap();
        let issued =
            ours.issue_server(&key, &serial(if key.pin().as_bytes()[0] > 127 { 5 } else { 6 }), now());
        TlsIdentity::new(&issued.unwrap().der, &key).unwrap().peer().unwrap()
    };
    let (stolen, fresh) = (server(), PeerCertificate { serial: serial(20), ..server() });
    let mut here = empty(&ours);
    assert!(here.must_not_list(&stolen).is_ok(), "no list says so");
    let of_stolen =
        Revoked { serial: stolen.serial, key: stolen.key, since: now(), reason: Reason::KeyCompromise };
    let all = [of_stolen, revoked(2, Reason::Withdrawn), revoked(3, Reason::Superseded)];
    take(&mut here, &crl::sign(&ours, 7, &all, now()).unwrap(), None, now()).unwrap();
    assert!(matches!(here.must_not_list(&stolen), Err(SiteError::CoordinatorRevoked)));
    let reissued = PeerCertificate { serial: serial(21), ..stolen.clone() };
    assert!(here.must_not_list(&reissued).is_err(), "another certificate of the stolen key");
    assert!(here.must_not_list(&fresh).is_ok());
    let roster = |keys: &[u8]| Roster {
        members: keys
            .iter()
            .map(|key| Member { name: format!("site-{key}").parse().unwrap(), key: Digest([*key; 32]) })
            .collect(),
    };
    assert_eq!(here.revoked_member(&roster(&[1, 2, 4])).map(SiteId::as_str), Some("site-2"));
    assert_eq!(here.revoked_member(&roster(&[1, 3, 4])), None, "a key that was only replaced");
}
