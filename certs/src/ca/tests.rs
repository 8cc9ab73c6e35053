//! The authority keeps its promises about what it signs, also to a hostile request.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};

use super::*;
use crate::{csr, peer::PeerCertificate};

fn serial(n: u8) -> SerialNumber {
    SerialNumber::from_random([n; 16])
}

fn authority() -> CertificateAuthority {
    CertificateAuthority::create("Test consortium 会诊", &serial(1), now()).unwrap()
}

const MONTH: Duration = profile::SITE_LIFETIME;

/// 2027-01-15. Nothing here asks a clock.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

#[test]
fn an_authority_loads_from_what_it_wrote() {
    let made = authority();
    let loaded = CertificateAuthority::load(made.certificate_pem(), &made.key_pem()).unwrap();
    assert_eq!(loaded.pin(), made.pin());
    assert_eq!(loaded.certificate_der(), made.certificate_der());
    assert_eq!(SpkiPin::of_certificate(made.certificate_der()).unwrap(), made.pin());

    let other = authority();
    let mixed = CertificateAuthority::load(made.certificate_pem(), &other.key_pem());
    assert_eq!(mixed.unwrap_err(), CertError::KeyMismatch);
    let broken = CertificateAuthority::load("", &made.key_pem());
    assert_eq!(broken.unwrap_err(), CertError::Pem { what: "CA certificate" });
}

#[test]
fn a_leaf_cannot_be_loaded_as_authority() {
    let ca = authority();
    let key = IdentityKey::generate().unwrap();
    let leaf = ca.issue_server(&key, &serial(2), now()).unwrap();
    let refused = CertificateAuthority::load(&leaf.pem, &key.to_pem()).unwrap_err();
    assert!(matches!(refused, CertError::Certificate { what: "CA certificate", .. }));
}

#[test]
fn consortium_names_are_checked() {
    for bad in ["", "line\nbreak", &"x".repeat(65)] {
        let made = CertificateAuthority::create(bad, &serial(1), now());
        assert_eq!(made.unwrap_err(), CertError::ConsortiumName);
    }
}

/// A request for a CA certificate, server authentication and the coordinator's name.
fn hostile_request(key: &IdentityKey) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, profile::COORDINATOR_NAME);
    params.subject_alt_names = vec![
        SanType::DnsName(profile::COORDINATOR_NAME.try_into().unwrap()),
        SanType::DnsName("other.site.consilium.internal".try_into().unwrap()),
    ];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any];
    params.serialize_request(key.key_pair()).unwrap().der().to_vec()
}

#[test]
fn of_a_hostile_request_only_the_public_key_is_believed() {
    let ca = authority();
    let key = IdentityKey::generate().unwrap();
    let requested = RequestedKey::from_csr(&hostile_request(&key)).unwrap();
    let now = now();
    let issued = ca.issue_site("hospital-a", &requested, &serial(3), now, MONTH).unwrap();

    let (_, parsed) = X509Certificate::from_der(&issued.der).unwrap();
    assert!(!parsed.is_ca());
    assert!(!parsed.basic_constraints().unwrap().unwrap().value.ca);
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any && usage.other.is_empty());
    let key_usage = parsed.key_usage().unwrap().unwrap().value;
    assert!(key_usage.digital_signature() && !key_usage.key_cert_sign() && !key_usage.crl_sign());
    assert!(!String::from_utf8_lossy(&issued.der).contains(profile::COORDINATOR_NAME));

    let peer = PeerCertificate::from_der(&issued.der).unwrap();
    assert_eq!(peer.site().unwrap(), "hospital-a");
    assert_eq!(peer.key, key.pin());
    assert_eq!(peer.serial, serial(3));
    assert!(peer.not_before <= now - Duration::from_secs(60));
    assert_eq!(peer.not_after, issued.not_after);
    let second = Duration::from_secs(1);
    assert!(peer.is_valid_at(now) && peer.is_valid_at(peer.not_after));
    assert!(!peer.is_valid_at(peer.not_after + second) && !peer.is_valid_at(peer.not_before - second));
}

#[test]
fn a_server_certificate_is_for_servers_only() {
    let ca = authority();
    let key = IdentityKey::generate().unwrap();
    let issued = ca.issue_server(&key, &serial(4), now()).unwrap();
    let (_, parsed) = X509Certificate::from_der(&issued.der).unwrap();
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !parsed.is_ca());
    let peer = PeerCertificate::from_der(&issued.der).unwrap();
    assert_eq!(peer.dns_name, profile::COORDINATOR_NAME);
    assert!(peer.site().is_err(), "the coordinator is not a site");
}

#[test]
fn nothing_outlives_the_authority_and_lifetimes_are_bounded() {
    let ca = authority();
    let key = IdentityKey::generate().unwrap();
    let requested = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
    let near_the_end = now() + profile::AUTHORITY_LIFETIME - Duration::from_secs(86_400);
    let issued = ca.issue_site("a", &requested, &serial(5), near_the_end, MONTH).unwrap();
    assert_eq!(issued.not_after, ca.not_after);
    let after = near_the_end + Duration::from_secs(2 * 86_400);
    let refused = ca.issue_site("a", &requested, &serial(6), after, MONTH);
    assert_eq!(refused.unwrap_err(), CertError::AuthorityExpired);

    for lifetime in [Duration::from_secs(59), Duration::from_secs(398 * 86_400)] {
        let refused = ca.issue_site("a", &requested, &serial(7), now(), lifetime);
        assert!(matches!(refused, Err(CertError::Lifetime { .. })));
    }
    let refused = ca.issue_site("A.B", &requested, &serial(8), now(), MONTH);
    assert!(matches!(refused, Err(CertError::SiteName { .. })));
}

#[test]
fn serial_numbers_are_sixteen_bytes_whatever_the_randomness() {
    for bytes in [[0; 16], [0xff; 16]] {
        let serial = SerialNumber::from_random(bytes);
        let ca = CertificateAuthority::create("c", &serial, now()).unwrap();
        let (_, parsed) = X509Certificate::from_der(ca.certificate_der()).unwrap();
        assert_eq!(parsed.raw_serial(), serial.as_bytes());
    }
}
