//! Who descends from whom, and what is not believed.

use std::time::Duration;

use super::*;
use crate::{ca::CertificateAuthority, csr, csr::RequestedKey, key::IdentityKey, serial::SerialNumber};

const DAY: Duration = Duration::from_secs(86_400);

/// 2027-01-15. Nothing here asks a clock.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn serial(n: u8) -> SerialNumber {
    SerialNumber::from_random([n; 16])
}

fn server_of(authority: &CertificateAuthority) -> CertificateDer<'static> {
    let key = IdentityKey::generate().unwrap();
    authority.issue_server(&key, &serial(2), now()).unwrap().der.into()
}

/// Authorities one after the other, and the bridge to each from the one before it.
fn line(length: u32) -> (Vec<CertificateAuthority>, Vec<CertificateDer<'static>>) {
    let mut line = vec![CertificateAuthority::create("Ward 会诊", &serial(1), now()).unwrap()];
    let mut bridges = Vec::new();
    for _ in 1..length {
        let last = line.last().unwrap();
        let next = last.successor(&serial(4), now()).unwrap();
        bridges.push(last.bridge_to(&next, serial(5), now()).unwrap().into());
        line.push(next);
    }
    (line, bridges)
}

#[test]
fn a_successor_is_found_from_every_authority_before_it() {
    let most = u32::try_from(crate::limits::PREDECESSORS_MAX).unwrap() + 1;
    let (line, bridges) = line(most);
    let last = line.last().unwrap();
    assert_eq!(last.generation(), most);
    let again = CertificateAuthority::load(last.certificate_pem(), &last.key_pem()).unwrap();
    assert_eq!((again.generation(), again.pin()), (most, last.pin()));
    let chain: Vec<_> = std::iter::once(server_of(last)).chain(bridges.into_iter().rev()).collect();
    for known in line.iter().take(line.len() - 1) {
        let found = successor_in(&chain, known.certificate_der(), now()).unwrap().unwrap();
        assert_eq!(crate::SpkiPin::of_certificate(&found).unwrap(), last.pin());
    }
    assert_eq!(successor_in(&chain, last.certificate_der(), now()).unwrap(), None);
    // A bridge serves as root: what is known afterwards is that.
    let found = successor_in(&chain, line[0].certificate_der(), now()).unwrap().unwrap();
    assert_eq!(successor_in(&chain[..1], &found, now()).unwrap(), None);
}

#[test]
fn nothing_leads_backwards_or_to_strangers() {
    let (family, bridges) = line(2);
    let (strangers, theirs) = line(2);
    let (old, new) = (server_of(&family[0]), server_of(&family[1]));
    let lost = |chain: &[CertificateDer<'_>], known: &CertificateAuthority| {
        assert_eq!(successor_in(chain, known.certificate_der(), now()), Err(CertError::Lineage));
    };
    lost(&[old.clone(), bridges[0].clone()], &family[1]);
    lost(&[new.clone(), bridges[0].clone()], &strangers[0]);
    lost(&[server_of(&strangers[1]), theirs[0].clone(), bridges[0].clone()], &family[0]);
    lost(std::slice::from_ref(&new), &family[0]);
    lost(&[new.clone(), family[1].certificate_der().to_vec().into()], &family[0]);
    lost(&[], &family[0]);
    let many: Vec<_> = std::iter::once(new.clone()).chain(vec![bridges[0].clone(); CHAIN_MAX + 1]).collect();
    lost(&many, &family[0]);
    let garbage = CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]);
    lost(&[garbage.clone(), bridges[0].clone()], &family[0]);
    // What does not parse is passed over where a bridge does.
    assert!(successor_in(&[new, garbage, bridges[0].clone()], family[0].certificate_der(), now()).is_ok());
}

#[test]
fn a_bridge_ends_with_the_authority_that_signed_it_and_no_leaf_is_one() {
    let (family, bridges) = line(2);
    let late = now() + 3651 * DAY;
    let chain = [server_of(&family[1]), bridges[0].clone()];
    assert_eq!(successor_in(&chain, family[0].certificate_der(), late), Err(CertError::Lineage));
    assert_eq!(
        family[0].bridge_to(&family[1], serial(6), late),
        Err(CertError::AuthorityExpired),
        "an authority that has ended vouches for nobody"
    );
    // The clock was days ahead when it was made, and was put right.
    let fast = family[0].bridge_to(&family[1], serial(8), now() + 3 * DAY).unwrap();
    let chain = [server_of(&family[1]), fast.into()];
    assert!(successor_in(&chain, family[0].certificate_der(), now()).unwrap().is_some());
    // A site's certificate signs nothing that counts.
    let key = IdentityKey::generate().unwrap();
    let request = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
    let site = family[0].issue_site("site-a", &request, &serial(7), now(), 30 * DAY).unwrap().der;
    let chain = [server_of(&family[1]), site.into()];
    assert_eq!(successor_in(&chain, family[0].certificate_der(), now()), Err(CertError::Lineage));
}
