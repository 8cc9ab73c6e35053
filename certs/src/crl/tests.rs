//! What a list says, who takes it, and what is refused. `openssl` looks at one where it is installed.

use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::{csr, csr::RequestedKey, key::IdentityKey};

const DAY: Duration = Duration::from_secs(86_400);

/// 2027-01-15. Nothing here asks a clock.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn authority() -> CertificateAuthority {
    CertificateAuthority::create("Ward 会诊", &serial(1), now()).unwrap()
}

fn serial(n: u8) -> SerialNumber {
    SerialNumber::from_random([n; 16])
}

fn revoked(n: u8, reason: Reason) -> Revoked {
    Revoked { serial: serial(n), key: SpkiPin::from_bytes([n; 32]), since: now() - DAY, reason }
}

fn reason_of<T: std::fmt::Debug>(result: Result<T, CertError>) -> &'static str {
    match result {
        Err(CertError::Revocations { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_list_says_which_certificates_and_keys_count_no_more() {
    let authority = authority();
    let all =
        [revoked(9, Reason::Withdrawn), revoked(3, Reason::Superseded), revoked(5, Reason::KeyCompromise)];
    let der = sign(&authority, 7, &all, now() + Duration::from_millis(700)).unwrap();
    let list = RevocationList::verify(&der, authority.certificate_der()).unwrap();
    assert_eq!((list.number(), list.this_update(), list.next_update()), (7, now(), now() + LIFETIME));
    for n in [9, 3, 5] {
        assert!(list.has_serial(serial(n)));
        assert_eq!(list.has_key(SpkiPin::from_bytes([n; 32])), n != 3, "a key that was only replaced");
    }
    assert!(!list.has_serial(serial(1)) && !list.has_key(SpkiPin::from_bytes([1; 32])));
    assert_eq!(list.entries().len(), 5);
    assert!(list.entries().iter().all(|entry| entry.since == now() - DAY));
    let reasons: BTreeSet<Reason> = list.entries().iter().map(|entry| entry.reason).collect();
    assert_eq!(reasons, BTreeSet::from([Reason::Withdrawn, Reason::Superseded, Reason::KeyCompromise]));
    assert_eq!(RevocationList::verify(list.der(), authority.certificate_der()).unwrap(), list);
    let empty = sign(&authority, 0, &[], now()).unwrap();
    let empty = RevocationList::verify(&empty, authority.certificate_der()).unwrap();
    assert_eq!((empty.number(), empty.entries().len()), (0, 0));
    assert!(sign(&authority, 1 << 63, &[], now()).is_err());
    let most = sign(&authority, i64::MAX as u64, &[], now()).unwrap();
    assert_eq!(RevocationList::verify(&most, authority.certificate_der()).unwrap().number(), i64::MAX as u64);
}

#[test]
fn a_list_holds_for_a_week_by_a_clock_that_may_be_an_hour_wrong() {
    let authority = authority();
    let der = sign(&authority, 1, &[], now()).unwrap();
    let list = RevocationList::verify(&der, authority.certificate_der()).unwrap();
    let second = Duration::from_secs(1);
    for (at, standing) in [
        (now() - TOLERANCE - second, Standing::Future),
        (now() - TOLERANCE, Standing::Good),
        (now(), Standing::Good),
        (now() + LIFETIME + TOLERANCE - second, Standing::Good),
        (now() + LIFETIME + TOLERANCE, Standing::Expired),
    ] {
        assert_eq!(list.standing(at), standing, "{at:?}");
    }
    assert!(!list.is_old(now()) && list.is_old(now() + RENEWED_AFTER));
    assert!(list.is_old(now() - 2 * TOLERANCE), "made while the clock was fast");
}

#[test]
fn the_list_of_another_authority_is_refused_also_of_the_one_before() {
    let old = authority();
    let new = old.successor(&serial(2), now()).unwrap();
    let stranger = authority();
    let (by_old, by_new) = (sign(&old, 1, &[], now()).unwrap(), sign(&new, 2, &[], now()).unwrap());
    assert!(RevocationList::verify(&by_new, new.certificate_der()).is_ok());
    for (der, root) in [(&by_old, &new), (&by_new, &old), (&by_new, &stranger)] {
        let refused = RevocationList::verify(der, root.certificate_der());
        assert_eq!(reason_of(refused), "the consortium's authority did not sign it");
    }
    // A bridge has the same key: who knows the earlier authority finds the later one's list with it.
    let bridge = old.bridge_to(&new, serial(3), now()).unwrap();
    assert_eq!(RevocationList::verify(&by_new, &bridge).unwrap().number(), 2);
}

#[test]
fn a_list_that_is_cut_giant_changed_or_spelled_otherwise_is_refused() {
    let authority = authority();
    let der = sign(&authority, 7, &[revoked(9, Reason::Left)], now()).unwrap();
    let root = authority.certificate_der();
    for length in 0..der.len() {
        assert!(RevocationList::verify(&der[..length], root).is_err(), "cut to {length}");
        let mut changed = der.clone();
        changed[length] ^= 1;
        assert!(RevocationList::verify(&changed, root).is_err(), "byte {length} changed");
    }
    let giant = vec![0x30; REVOCATIONS_BYTES_MAX + 1];
    assert_eq!(reason_of(RevocationList::verify(&giant, root)), "it is longer than a list may be");
    // The same list with a length in more bytes than it needs, and with something behind its end.
    assert_eq!(der[1], 0x82);
    let mut long = vec![0x30, 0x83, 0];
    long.extend_from_slice(&der[2..]);
    let mut more = der.clone();
    more.push(0);
    for other in [long, more] {
        assert_eq!(reason_of(RevocationList::verify(&other, root)), "it is not a list in DER");
    }
}

/// A list that the authority signed and `sign` would not have made.
fn odd(
    authority: &CertificateAuthority,
    change: impl FnOnce(&mut CertificateRevocationListParams),
) -> Vec<u8> {
    let entry = |n: u8| RevokedCertParams {
        serial_number: rcgen::SerialNumber::from_slice(serial(n).as_bytes()),
        revocation_time: whole_seconds(now()),
        reason_code: Some(RevocationReason::Superseded),
        invalidity_date: None,
    };
    let mut params = CertificateRevocationListParams {
        this_update: whole_seconds(now()),
        next_update: whole_seconds(now() + LIFETIME),
        crl_number: rcgen::SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: vec![entry(3), entry(9)],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    change(&mut params);
    params.signed_by(authority.issuer()).unwrap().der().to_vec()
}

#[test]
fn the_authority_itself_cannot_spell_a_list_otherwise() {
    let authority = authority();
    let said = |change: &dyn Fn(&mut CertificateRevocationListParams)| {
        reason_of(RevocationList::verify(&odd(&authority, change), authority.certificate_der()))
    };
    assert!(RevocationList::verify(&odd(&authority, |_| ()), authority.certificate_der()).is_ok());
    assert_eq!(said(&|list| list.revoked_certs.reverse()), "its entries are not in ascending order");
    assert_eq!(
        said(&|list| list.revoked_certs[1] = list.revoked_certs[0].clone()),
        "its entries are not in ascending order"
    );
    assert_eq!(
        said(&|list| list.next_update = whole_seconds(now() + LIFETIME + DAY)),
        "it holds for longer than a list may, or never"
    );
    assert_eq!(said(&|list| list.revoked_certs[0].reason_code = None), "an entry has no reason that we know");
    assert_eq!(
        said(&|list| list.revoked_certs[0].reason_code = Some(RevocationReason::RemoveFromCrl)),
        "an entry has no reason that we know"
    );
    assert_eq!(
        said(&|list| list.revoked_certs[0].serial_number = rcgen::SerialNumber::from(5_u64)),
        "it lists what is neither a certificate nor a key of ours"
    );
    assert_eq!(
        said(&|list| list.crl_number = rcgen::SerialNumber::from_slice(&[1; 9])),
        "its number is too large"
    );
    assert_eq!(said(&|list| list.key_identifier_method = KeyIdMethod::Sha384), "it names another authority");
}

#[test]
fn where_there_is_no_room_those_that_were_replaced_give_way_and_nobody_else() {
    let authority = authority();
    let of = |n: usize, reason| {
        let mut bytes = [0_u8; 32];
        bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
        let serial: [u8; 16] = std::array::from_fn(|at| bytes.get(at + 4).copied().unwrap_or(0));
        let mut first = serial;
        first[0] = 0x40;
        let (serial, key) = (SerialNumber::from_bytes(first), SpkiPin::from_bytes(bytes));
        Revoked { serial, key, since: now() - DAY, reason }
    };
    let most = REVOKED_MAX / 2;
    let mut all: Vec<Revoked> = (0..10).map(|n| of(most + n, Reason::Superseded)).collect();
    all.extend((0..most - 2).map(|n| of(n, Reason::Withdrawn)));
    let der = sign(&authority, 1, &all, now()).unwrap();
    assert!(der.len() <= REVOCATIONS_BYTES_MAX, "{}", der.len());
    let list = RevocationList::verify(&der, authority.certificate_der()).unwrap();
    assert_eq!(list.entries().len(), REVOKED_MAX);
    assert!(all.iter().skip(10).all(|one| list.has_serial(one.serial) && list.has_key(one.key)));
    all.extend((most - 2..=most).map(|n| of(n, Reason::Left)));
    assert_eq!(reason_of(sign(&authority, 2, &all, now())), "more is revoked than a list may hold");
}

#[test]
fn openssl_verifies_a_list() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("SKIPPED: there is no openssl on this machine");
        return;
    }
    let authority = authority();
    let key = IdentityKey::generate().unwrap();
    let requested = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
    let issued = authority.issue_site("cardiology", &requested, &serial(9), now(), 30 * DAY).unwrap();
    let folder = std::env::temp_dir().join(format!("consilium-crl-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let list = |all: &[Revoked]| {
        let der = sign(&authority, 7, all, now()).unwrap();
        RevocationList::verify(&der, authority.certificate_der()).unwrap().pem()
    };
    let ca = write("ca.pem", authority.certificate_pem());
    let leaf = write("leaf.pem", &issued.pem);
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let (with, without) =
        (write("with.pem", &list(&[revoked(9, Reason::Withdrawn)])), write("without.pem", &list(&[])));
    let (verified, words) = openssl(&["crl", "-in", &with, "-CAfile", &ca, "-verify", "-noout", "-text"]);
    assert!(verified && words.contains("verify OK"), "{words}");
    assert!(words.contains("Privilege Withdrawn"), "{words}");
    let at = now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().to_string();
    let check = |crl: &str| {
        openssl(&["verify", "-attime", &at, "-crl_check", "-CRLfile", crl, "-CAfile", &ca, &leaf])
    };
    assert!(check(&without).0, "{:?}", check(&without));
    let (is_good, words) = check(&with);
    assert!(!is_good && words.contains("certificate revoked"), "{words}");
    std::fs::remove_dir_all(&folder).unwrap();
}

proptest! {
    #[test]
    fn any_bytes_are_refused_and_any_list_comes_back(
        noise in proptest::collection::vec(any::<u8>(), 0..200),
        number in 0..=i64::MAX as u64,
        numbers in proptest::collection::btree_set(any::<u8>(), 0..20),
    ) {
        let authority = authority();
        prop_assert!(RevocationList::verify(&noise, authority.certificate_der()).is_err());
        let all: Vec<Revoked> = numbers.iter().map(|n| revoked(n & 0x3f, Reason::Left)).collect();
        let der = sign(&authority, number, &all, now()).unwrap();
        let list = RevocationList::verify(&der, authority.certificate_der()).unwrap();
        prop_assert_eq!(list.number(), number);
        prop_assert!(all.iter().all(|one| list.has_serial(one.serial) && list.has_key(one.key)));
    }
}
