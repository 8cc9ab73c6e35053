//! Full TLS handshakes in memory: who gets in, who does not, and with which algorithms.

use std::time::{Duration, SystemTime};

use rustls::{
    CertificateError, ClientConnection, Error, HandshakeKind, NamedGroup, ServerConnection,
    pki_types::ServerName, time_provider::TimeProvider,
};

use super::*;
use crate::{
    ca::CertificateAuthority,
    csr::{self, RequestedKey},
    lineage::Predecessor,
    profile::{self, COORDINATOR_NAME},
    serial::SerialNumber,
};

const DAY: Duration = Duration::from_secs(86_400);

/// 2027-01-15. Both ends of a handshake take it for the time, so nothing here asks a clock.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        now().duration_since(SystemTime::UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

struct Consortium {
    ca: CertificateAuthority,
    server: TlsIdentity,
}

fn serial(n: u8) -> SerialNumber {
    SerialNumber::from_random([n; 16])
}

impl Consortium {
    fn new() -> Self {
        Self::with_server_issued_at(now())
    }

    fn with_server_issued_at(at: SystemTime) -> Self {
        let ca = CertificateAuthority::create("t", &serial(1), at).unwrap();
        let key = IdentityKey::generate().unwrap();
        let issued = ca.issue_server(&key, &serial(2), at).unwrap();
        let server = TlsIdentity::new(&issued.der, &key).unwrap();
        Self { ca, server }
    }

    fn site_issued_at(&self, at: SystemTime) -> TlsIdentity {
        let key = IdentityKey::generate().unwrap();
        let requested = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
        let issued =
            self.ca.issue_site("site-a", &requested, &serial(3), at, profile::SITE_LIFETIME).unwrap();
        TlsIdentity::new(&issued.der, &key).unwrap()
    }

    fn run_server(&self) -> ServerConfig {
        run_server(&self.server, &Lineage::only(self.ca.certificate_der())).unwrap()
    }

    fn join_server(&self) -> ServerConfig {
        join_server(&self.server, &Lineage::only(self.ca.certificate_der())).unwrap()
    }

    fn run_client(&self, identity: &TlsIdentity) -> ClientConfig {
        run_client(identity, self.ca.certificate_der()).unwrap()
    }
}

/// Runs a handshake over two buffers until it ends or one side refuses: (client's, server's) view.
fn handshake(
    mut client: ClientConfig,
    mut server: ServerConfig,
) -> Result<(ClientConnection, ServerConnection), Error> {
    client.time_provider = Arc::new(FixedTime);
    server.time_provider = Arc::new(FixedTime);
    let name = ServerName::try_from(COORDINATOR_NAME).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut input = wire.as_slice();
        while !input.is_empty() {
            server.read_tls(&mut input).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut input = wire.as_slice();
        while !input.is_empty() {
            client.read_tls(&mut input).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}

fn refusal(client: ClientConfig, server: ServerConfig) -> Error {
    handshake(client, server).map(|_| ()).unwrap_err()
}

#[test]
fn a_site_and_its_coordinator_agree_on_the_hybrid_group() {
    let consortium = Consortium::new();
    let site = consortium.site_issued_at(now());
    let (client, server) = handshake(consortium.run_client(&site), consortium.run_server()).unwrap();
    assert_eq!(client.alpn_protocol(), Some(ALPN_RUN_IN_TURN));
    let group = client.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
    assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full));
    let presented = &server.peer_certificates().unwrap()[0];
    assert_eq!(PeerCertificate::from_der(presented).unwrap().site().unwrap(), "site-a");
    assert_eq!(client.tls13_tickets_received(), 0);
}

/// The bytes are the wire's: a side of before offers or takes the first alone.
#[test]
fn sides_of_before_and_of_today_agree_on_what_both_know() {
    assert_eq!((ALPN_RUN, ALPN_RUN_IN_TURN), (&b"consilium/1"[..], &b"consilium/1.1"[..]));
    let consortium = Consortium::new();
    let site = consortium.site_issued_at(now());
    let (client, server) = (consortium.run_client(&site), consortium.run_server());
    let mut old_client = client.clone();
    old_client.alpn_protocols = vec![ALPN_RUN.to_vec()];
    let mut old_server = server.clone();
    old_server.alpn_protocols = vec![ALPN_RUN.to_vec(), ALPN_ADMIN.to_vec()];
    for (client, server) in [(old_client, server), (client, old_server)] {
        let (client, server) = handshake(client, server).unwrap();
        assert_eq!((client.alpn_protocol(), server.alpn_protocol()), (Some(ALPN_RUN), Some(ALPN_RUN)));
    }
}

#[test]
fn a_second_handshake_with_the_same_configurations_is_full_again() {
    let consortium = Consortium::new();
    let site = consortium.site_issued_at(now());
    let (client, server) = (consortium.run_client(&site), consortium.run_server());
    for _ in 0..2 {
        let (_, server) = handshake(client.clone(), server.clone()).unwrap();
        assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn a_client_without_certificate_is_refused() {
    let consortium = Consortium::new();
    let mut client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots([consortium.ca.certificate_der()]).unwrap())
        .with_no_client_auth();
    client.alpn_protocols = vec![ALPN_RUN.to_vec()];
    assert_eq!(refusal(client, consortium.run_server()), Error::NoCertificatesPresented);
}

#[test]
fn certificates_of_another_consortium_are_refused_on_both_sides() {
    let (ours, theirs) = (Consortium::new(), Consortium::new());
    let stranger = theirs.site_issued_at(now());
    let client = run_client(&stranger, ours.ca.certificate_der()).unwrap();
    assert!(matches!(refusal(client, ours.run_server()), Error::InvalidCertificate(_)));
    let member = ours.site_issued_at(now());
    assert!(matches!(refusal(ours.run_client(&member), theirs.run_server()), Error::InvalidCertificate(_)));
}

#[test]
fn expired_and_future_certificates_are_refused() {
    let ours = Consortium::with_server_issued_at(now() - 60 * DAY);
    for at in [now() - 31 * DAY, now() + DAY] {
        let site = ours.site_issued_at(at);
        assert!(matches!(
            refusal(ours.run_client(&site), ours.run_server()),
            Error::InvalidCertificate(
                CertificateError::ExpiredContext { .. } | CertificateError::NotValidYetContext { .. }
            )
        ));
    }
    let old = Consortium::with_server_issued_at(now() - 366 * DAY);
    let site = old.site_issued_at(now());
    assert!(matches!(
        refusal(old.run_client(&site), old.run_server()),
        Error::InvalidCertificate(CertificateError::ExpiredContext { .. })
    ));
    assert!(matches!(
        refusal(join_client(old.ca.pin(), None).unwrap(), old.join_server()),
        Error::InvalidCertificate(CertificateError::ExpiredContext { .. })
    ));
}

#[test]
fn a_site_cannot_play_coordinator_nor_the_coordinator_site() {
    let consortium = Consortium::new();
    let site = consortium.site_issued_at(now());
    let impostor = run_server(&site, &Lineage::only(consortium.ca.certificate_der())).unwrap();
    assert!(matches!(refusal(consortium.run_client(&site), impostor), Error::InvalidCertificate(_)));
    let impostor = join_server(&site, &Lineage::only(consortium.ca.certificate_der())).unwrap();
    let joining = join_client(consortium.ca.pin(), None).unwrap();
    assert!(matches!(refusal(joining, impostor), Error::InvalidCertificate(_)));
    let as_site = consortium.run_client(&consortium.server);
    assert!(matches!(refusal(as_site, consortium.run_server()), Error::InvalidCertificate(_)));
}

#[test]
fn enrolment_accepts_the_pinned_authority_only() {
    let (ours, theirs) = (Consortium::new(), Consortium::new());
    let (client, _) = handshake(join_client(ours.ca.pin(), None).unwrap(), ours.join_server()).unwrap();
    assert_eq!(client.alpn_protocol(), Some(ALPN_JOIN));
    assert_eq!(
        refusal(join_client(theirs.ca.pin(), None).unwrap(), ours.join_server()),
        Error::InvalidCertificate(CertificateError::UnknownIssuer)
    );
    // An attacker who sends our public CA certificate after his own leaf.
    let forged = join_server(&theirs.server, &Lineage::only(ours.ca.certificate_der())).unwrap();
    assert!(matches!(
        refusal(join_client(ours.ca.pin(), None).unwrap(), forged),
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)
    ));
    // The CA's pin alone does not make a chain: a server that sends no CA is refused.
    let mut bare = ours.join_server();
    bare.cert_resolver = ours.run_server().cert_resolver;
    assert_eq!(
        refusal(join_client(ours.ca.pin(), None).unwrap(), bare),
        Error::InvalidCertificate(CertificateError::UnknownIssuer)
    );
}

/// A consortium whose authority was followed by another: the new authority's coordinator, and what it shows.
fn rolled(old: &Consortium, is_taken: bool) -> (Consortium, Lineage) {
    let next = old.ca.successor(&serial(4), now()).unwrap();
    let bridge_der = old.ca.bridge_to(&next, serial(5), now()).unwrap();
    let key = IdentityKey::generate().unwrap();
    let issued = next.issue_server(&key, &serial(6), now()).unwrap();
    let server = TlsIdentity::new(&issued.der, &key).unwrap();
    let before = Predecessor { certificate_der: old.ca.certificate_der().to_vec(), bridge_der, is_taken };
    let lineage = Lineage { current_der: next.certificate_der().to_vec(), predecessors: vec![before] };
    (Consortium { ca: next, server }, lineage)
}

#[test]
fn over_a_rollover_older_sites_come_in_until_their_authority_is_retired() {
    let old = Consortium::new();
    let site = old.site_issued_at(now());
    let (new, lineage) = rolled(&old, true);
    let (client, _) = handshake(old.run_client(&site), run_server(&new.server, &lineage).unwrap()).unwrap();
    let shown = client.peer_certificates().unwrap();
    let found = crate::lineage::successor_in(shown, old.ca.certificate_der(), now()).unwrap().unwrap();
    assert_eq!(SpkiPin::of_certificate(&found).unwrap(), new.ca.pin());
    // With its next certificate it goes by the new authority, for which the bridge stands.
    let next = new.site_issued_at(now());
    let by_bridge = || run_client(&next, &found).unwrap();
    handshake(by_bridge(), run_server(&new.server, &lineage).unwrap()).unwrap();
    // The old authority's key is worth nothing to it any more.
    let stolen = run_server(&old.server, &Lineage::only(old.ca.certificate_der())).unwrap();
    assert!(matches!(refusal(by_bridge(), stolen), Error::InvalidCertificate(_)));
    let (_, retired) = rolled(&old, false);
    let retired = Lineage { current_der: lineage.current_der, ..retired };
    let strict = run_server(&new.server, &retired).unwrap();
    assert!(matches!(refusal(old.run_client(&site), strict), Error::InvalidCertificate(_)));
}

#[test]
fn a_site_that_enters_again_is_led_from_the_authority_that_it_knows() {
    let (old, stranger) = (Consortium::new(), Consortium::new());
    let (new, lineage) = rolled(&old, false);
    let desk = || join_server(&new.server, &lineage).unwrap();
    let known =
        |consortium: &Consortium| join_client(new.ca.pin(), Some(consortium.ca.certificate_der())).unwrap();
    handshake(known(&old), desk()).unwrap();
    handshake(known(&new), desk()).unwrap();
    assert!(matches!(refusal(known(&stranger), desk()), Error::InvalidCertificate(_)));
    // Invitations of the time before are void.
    assert!(matches!(
        refusal(join_client(old.ca.pin(), None).unwrap(), desk()),
        Error::InvalidCertificate(_)
    ));
}

#[test]
fn run_and_enrolment_do_not_mix() {
    let consortium = Consortium::new();
    let site = consortium.site_issued_at(now());
    assert_eq!(refusal(consortium.run_client(&site), consortium.join_server()), Error::NoApplicationProtocol);
}

#[test]
fn the_enrolment_answer_is_checked_before_it_is_stored() {
    let ours = Consortium::new();
    let now = now();
    let key = IdentityKey::generate().unwrap();
    let requested = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
    let issued = ours.ca.issue_site("site-a", &requested, &serial(9), now, profile::SITE_LIFETIME).unwrap();
    let ca = ours.ca.certificate_der();
    let check = |certificate: &[u8], ca: &[u8], site: &str, key: &IdentityKey, at: SystemTime| {
        verify_enrolment(certificate, ca, ours.ca.pin(), site, key, at)
    };
    assert_eq!(check(&issued.der, ca, "site-a", &key, now).unwrap().serial, serial(9));
    let refused = |result: Result<PeerCertificate, CertError>| {
        assert!(matches!(result, Err(CertError::Enrolment { .. })), "{result:?}");
    };
    let other = IdentityKey::generate().unwrap();
    refused(check(&issued.der, ca, "site-b", &key, now));
    refused(check(&issued.der, ca, "site-a", &other, now));
    refused(check(&issued.der, Consortium::new().ca.certificate_der(), "site-a", &key, now));
    refused(check(&issued.der, ca, "site-a", &key, now + 40 * DAY));
    assert_eq!(certificate_from_pem(&certificate_to_pem(&issued.der)).unwrap(), issued.der);
}
