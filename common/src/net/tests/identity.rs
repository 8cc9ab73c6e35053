//! Certificates over real QUIC: refusals arrive as the right error, revocation is immediate, nothing is
//! resumed, and the hybrid key exchange is what is negotiated.

use rustls::crypto::aws_lc_rs::kx_group;

use super::*;
use crate::net::CertificateFault;

/// With TLS 1.3 the client finds out on its first exchange at the latest.
async fn outcome(server: &Running, tls: rustls::ClientConfig) -> NetError {
    match server.connect(tls).await {
        Err(error) => error,
        Ok((_client, session)) => session.exchange(&hello(), 2 * SECOND).await.unwrap_err(),
    }
}

#[tokio::test]
async fn no_certificate_no_entry() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(consortium.authority.certificate_der().to_vec().into()).unwrap();
    let mut anonymous = rustls::ClientConfig::builder_with_provider(certs::provider::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    anonymous.alpn_protocols = vec![tls::ALPN_RUN.to_vec()];
    let error = outcome(&server, anonymous).await;
    assert!(matches!(error, NetError::CertificateRefused { fault: CertificateFault::Missing }), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(server.handler.admitted.load(Ordering::SeqCst), 0, "no handler saw it");
}

#[tokio::test]
async fn strangers_are_refused_on_both_sides() {
    let (ours, theirs) = (Consortium::new(), Consortium::new());
    let server = Running::start(&ours);
    let stranger = tls::run_client(&theirs.site(), ours.authority.certificate_der()).unwrap();
    let error = outcome(&server, stranger).await;
    // Both CAs have the same subject here, so the signature is what fails.
    assert!(matches!(error, NetError::CertificateRefused { .. }), "{error}");

    let misled = theirs.client_tls(&theirs.site());
    let error = outcome(&server, misled).await;
    assert!(matches!(error, NetError::PeerCertificate { .. }) && !error.is_retryable(), "{error}");
    assert_eq!(server.handler.admitted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_expired_certificate_is_refused_by_name() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let old = consortium.site_issued_at(SystemClock.system_time() - 31 * 86_400 * SECOND);
    let error = outcome(&server, consortium.client_tls(&old)).await;
    assert!(matches!(error, NetError::CertificateRefused { fault: CertificateFault::Expired }), "{error}");
    assert!(error.hint().unwrap().contains("clock"));
}

#[tokio::test]
async fn a_wrong_server_name_is_refused() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let client = Client::bind_for(server.address).unwrap();
    let tls = consortium.client_tls(&consortium.site());
    let error = client.connect(server.address, tls, "other.consilium.internal", SECOND).await.unwrap_err();
    assert!(matches!(error, NetError::PeerCertificate { .. }), "{error}");
}

#[tokio::test]
async fn another_protocol_is_refused() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let mut tls = consortium.client_tls(&consortium.site());
    for alpn in [vec![b"h3".to_vec()], vec![tls::ALPN_JOIN.to_vec()], vec![]] {
        tls.alpn_protocols = alpn;
        let error = outcome(&server, tls.clone()).await;
        assert!(matches!(error, NetError::WrongProtocol), "{error}");
    }
}

#[tokio::test]
async fn who_is_not_admitted_is_told_so() {
    let words = [
        (CloseCode::NotAuthorised, "does not know"),
        (CloseCode::Revoked, "was revoked"),
        (CloseCode::Expired, "has expired"),
    ];
    for (code, words) in words {
        let consortium = Consortium::new();
        let refusing = Echo { refuse_everyone: Some(code), ..Echo::default() };
        let server = Running::start_with(consortium.server_tls(), refusing, [5; 32]);
        let error = outcome(&server, consortium.client_tls(&consortium.site())).await;
        assert!(error.to_string().contains(words) && !error.is_retryable(), "{error}");
    }
}

#[tokio::test]
async fn revoking_closes_the_live_connections_of_that_certificate_only() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let (revoked, other) = (consortium.site(), consortium.site());
    let (_one, first) = server.connect(consortium.client_tls(&revoked)).await.unwrap();
    let (_two, second) = server.connect(consortium.client_tls(&other)).await.unwrap();
    for session in [&first, &second] {
        session.exchange(&hello(), SECOND).await.unwrap();
    }
    assert_eq!(server.connections.len(), 2);
    let serial = revoked.peer().unwrap().serial;
    let of_the_revoked = |peer: &Peer| {
        certs::PeerCertificate::from_der(&peer.certificate_der).is_ok_and(|facts| facts.serial == serial)
    };
    // In the middle of a long poll.
    let polling = tokio::spawn({
        let first = first.clone();
        async move { first.exchange(&poll(20_000), 25 * SECOND).await }
    });
    tokio::time::sleep(SECOND / 10).await;
    let started = tokio::time::Instant::now();
    assert_eq!(server.connections.close_where(of_the_revoked), 1);
    let ended = polling.await.unwrap();
    assert!(
        matches!(ended, Err(NetError::CertificateRefused { fault: CertificateFault::Revoked })),
        "{ended:?}"
    );
    assert!(started.elapsed() < 5 * SECOND, "{:?}", started.elapsed());
    assert!(second.exchange(&hello(), SECOND).await.is_ok());
}

#[tokio::test]
async fn a_third_connection_of_a_certificate_takes_the_place_of_the_first() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let site = consortium.site();
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let (client, session) = server.connect(consortium.client_tls(&site)).await.unwrap();
        session.exchange(&hello(), SECOND).await.unwrap();
        sessions.push((client, session));
    }
    assert!(matches!(sessions[0].1.closed().await, NetError::Superseded));
    assert!(sessions[1].1.exchange(&hello(), SECOND).await.is_ok());
    assert!(sessions[2].1.exchange(&hello(), SECOND).await.is_ok());
    assert_eq!(server.connections.len(), 2);
}

/// Counts what a client that is willing to resume gets to resume with: nothing.
#[derive(Debug, Default)]
struct CountingTickets {
    stored: AtomicU32,
}

impl rustls::client::ClientSessionStore for CountingTickets {
    fn set_kx_hint(&self, _: rustls::pki_types::ServerName<'static>, _: rustls::NamedGroup) {}
    fn kx_hint(&self, _: &rustls::pki_types::ServerName<'_>) -> Option<rustls::NamedGroup> {
        None
    }
    fn set_tls12_session(
        &self,
        _: rustls::pki_types::ServerName<'static>,
        _: rustls::client::Tls12ClientSessionValue,
    ) {
    }
    fn tls12_session(
        &self,
        _: &rustls::pki_types::ServerName<'_>,
    ) -> Option<rustls::client::Tls12ClientSessionValue> {
        None
    }
    fn remove_tls12_session(&self, _: &rustls::pki_types::ServerName<'static>) {}
    fn insert_tls13_ticket(
        &self,
        _: rustls::pki_types::ServerName<'static>,
        _: rustls::client::Tls13ClientSessionValue,
    ) {
        self.stored.fetch_add(1, Ordering::SeqCst);
    }
    fn take_tls13_ticket(
        &self,
        _: &rustls::pki_types::ServerName<'static>,
    ) -> Option<rustls::client::Tls13ClientSessionValue> {
        None
    }
}

/// Two connections of a client that would resume if it could: how many tickets it got.
async fn tickets_given_by(server: &Running, mut tls: rustls::ClientConfig) -> u32 {
    let tickets = Arc::new(CountingTickets::default());
    tls.resumption = rustls::client::Resumption::store(tickets.clone());
    tls.enable_early_data = true;
    for _ in 0..2 {
        let (client, session) = server.connect(tls.clone()).await.unwrap();
        session.exchange(&hello(), SECOND).await.unwrap();
        client.close().await;
    }
    tickets.stored.load(Ordering::SeqCst)
}

#[tokio::test]
async fn the_coordinator_gives_no_tickets_so_every_connection_is_authenticated_anew() {
    let consortium = Consortium::new();
    let ours = Running::start(&consortium);
    assert_eq!(tickets_given_by(&ours, consortium.client_tls(&consortium.site())).await, 0);
    assert_eq!(ours.handler.admitted.load(Ordering::SeqCst), 2);
    assert_eq!(consortium.server_tls().max_early_data_size, 0);

    // The counter does count: a server with rustls' defaults gives tickets.
    let mut lax = consortium.server_tls();
    lax.send_tls13_tickets = 2;
    lax.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
    let lax = Running::start_with(lax, Echo::default(), [5; 32]);
    assert!(tickets_given_by(&lax, consortium.client_tls(&consortium.site())).await > 0);
}

#[tokio::test]
async fn the_hybrid_group_is_negotiable_and_older_curves_alone_still_are() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let site = consortium.site();
    for group in [kx_group::X25519MLKEM768, kx_group::X25519] {
        let provider = rustls::crypto::CryptoProvider {
            kx_groups: vec![group],
            ..(*certs::provider::provider()).clone()
        };
        let ca = consortium.authority.certificate_der();
        let tls = tls::run_client_with(Arc::new(provider), &site, ca).unwrap();
        let (_client, session) = server.connect(tls).await.unwrap();
        assert!(session.exchange(&hello(), SECOND).await.is_ok(), "{:?}", group.name());
    }
    assert_eq!(certs::provider::provider().kx_groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
}
