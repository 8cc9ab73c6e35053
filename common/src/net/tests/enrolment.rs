//! A site without a certificate gets one, from the coordinator it was told about and from no other.

use super::*;
use crate::net::join::{self, JoinHandler, JoinServer};
use crate::wire::join::{JoinRefusal, JoinRequest, JoinResponse, Membership};

/// Issues for the one token it knows.
struct Registrar {
    consortium: Arc<Consortium>,
    asked: AtomicU32,
}

impl JoinHandler for Registrar {
    async fn join(&self, _from: SocketAddr, request: JoinRequest) -> JoinResponse {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if request.token != [4; 32] {
            return JoinResponse::Refused(JoinRefusal::TokenUnknown);
        }
        let authority = &self.consortium.authority;
        let Ok(key) = RequestedKey::from_csr(&request.csr) else {
            return JoinResponse::Refused(JoinRefusal::RequestInvalid);
        };
        let serial = SerialNumber::from_random([8; 16]);
        let issued = authority
            .issue_site(&request.site, &key, &serial, SystemClock.system_time(), profile::SITE_LIFETIME)
            .unwrap();
        JoinResponse::Accepted(Membership {
            certificate: issued.der,
            authority: authority.certificate_der().to_vec(),
            run_address: "127.0.0.1:4433".to_owned(),
            receipt_key: [0; 32],
        })
    }
}

pub(super) struct Desk {
    pub(super) address: SocketAddr,
    registrar: Arc<Registrar>,
    pub(super) consortium: Arc<Consortium>,
    _stop: oneshot::Sender<()>,
}

pub(super) fn open_desk() -> Desk {
    let consortium = Arc::new(Consortium::new());
    let tls =
        tls::join_server(&consortium.server, &certs::Lineage::only(consortium.authority.certificate_der()))
            .unwrap();
    let keys = EndpointKeys::from_bytes([5; 32]);
    let server = JoinServer::bind("127.0.0.1:0".parse().unwrap(), tls, keys).unwrap();
    let address = server.local_address().unwrap();
    let registrar = Arc::new(Registrar { consortium: consortium.clone(), asked: AtomicU32::new(0) });
    let (stop, stopped) = oneshot::channel::<()>();
    let handler = registrar.clone();
    tokio::spawn(async move { server.serve(handler, async move { drop(stopped.await) }).await });
    Desk { address, registrar, consortium, _stop: stop }
}

pub(super) fn request(token: u8, csr: Vec<u8>) -> Vec<u8> {
    let request =
        JoinRequest { protocol: PROTOCOL_VERSION, token: [token; 32], site: "site-a".to_owned(), csr };
    frame::to_bytes(&request).unwrap()
}

#[tokio::test]
async fn a_site_joins_and_then_takes_part() {
    let desk = open_desk();
    let key = IdentityKey::generate().unwrap();
    let pin = desk.consortium.authority.pin();
    let bytes = request(4, csr::create(&key).unwrap());
    let client_tls = tls::join_client(pin, None).unwrap();
    let answer = join::request(&[desk.address], client_tls, NAME, &bytes, 5 * SECOND).await.unwrap();
    let JoinResponse::Accepted(membership) = answer else { panic!("{answer:?}") };
    tls::verify_enrolment(
        &membership.certificate,
        &membership.authority,
        pin,
        "site-a",
        &key,
        SystemClock.system_time(),
    )
    .unwrap();

    let server = Running::start(&desk.consortium);
    let identity = TlsIdentity::new(&membership.certificate, &key).unwrap();
    let run_tls = tls::run_client(&identity, &membership.authority).unwrap();
    let (_client, session) = server.connect(run_tls).await.unwrap();
    assert!(session.exchange(&hello(), SECOND).await.is_ok());
}

#[tokio::test]
async fn refusals_arrive_as_codes() {
    let desk = open_desk();
    let csr = csr::create(&IdentityKey::generate().unwrap()).unwrap();
    for (bytes, refusal) in [
        (request(5, csr), JoinRefusal::TokenUnknown),
        (request(4, vec![1, 2, 3]), JoinRefusal::RequestInvalid),
    ] {
        let client_tls = tls::join_client(desk.consortium.authority.pin(), None).unwrap();
        let answer = join::request(&[desk.address], client_tls, NAME, &bytes, 5 * SECOND).await.unwrap();
        assert_eq!(answer, JoinResponse::Refused(refusal));
    }
}

#[tokio::test]
async fn with_a_wrong_pin_the_token_never_leaves_the_site() {
    let desk = open_desk();
    let other = Consortium::new();
    let bytes = request(4, csr::create(&IdentityKey::generate().unwrap()).unwrap());
    let client_tls = tls::join_client(other.authority.pin(), None).unwrap();
    let error = join::request(&[desk.address], client_tls, NAME, &bytes, 5 * SECOND).await.unwrap_err();
    assert!(matches!(error, NetError::PeerCertificate { .. }) && !error.is_retryable(), "{error}");
    assert_eq!(desk.registrar.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_run_port_and_garbage_are_refused() {
    let desk = open_desk();
    let pin = desk.consortium.authority.pin();
    let bytes = request(4, vec![]);
    let server = Running::start(&desk.consortium);
    let client_tls = tls::join_client(pin, None).unwrap();
    let error =
        join::request(&[server.address], client_tls.clone(), NAME, &bytes, 5 * SECOND).await.unwrap_err();
    assert!(matches!(error, NetError::WrongProtocol), "{error}");

    let error = join::request(&[desk.address], client_tls, NAME, &[9; 40], 5 * SECOND).await.unwrap_err();
    assert!(matches!(error, NetError::NotUnderstood), "{error}");
    assert_eq!(desk.registrar.asked.load(Ordering::SeqCst), 0);
}
