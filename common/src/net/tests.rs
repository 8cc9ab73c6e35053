//! Real QUIC over loopback, with real certificates: who gets in, what is refused, what never hangs.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests are the transport's own; the fence is for the site agent"
)]

mod enrolment;
mod flood;
mod hostile;
mod identity;
mod pipelined;
mod traffic;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use certs::{CertificateAuthority, IdentityKey, RequestedKey, SerialNumber, TlsIdentity, csr, profile, tls};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::admin::{self, AdminHandler};
use super::client::{Client, ClientConnection};
use super::server::{Handler, Received, Reply, Server};
use super::{CloseCode, Connections, EndpointKeys, NetError, Peer};
use crate::clock::SystemClock;
use crate::id::Digest;
use crate::wire::frame;
use crate::wire::message::{Envelope, LedgerHead, PROTOCOL_VERSION, Refusal, Request, Response, Work};

const SECOND: Duration = Duration::from_secs(1);
const NAME: &str = profile::COORDINATOR_NAME;

/// A CA with a server certificate, and sites on demand.
struct Consortium {
    authority: CertificateAuthority,
    server: TlsIdentity,
    serials: AtomicU32,
}

impl Consortium {
    fn new() -> Self {
        let serial = SerialNumber::from_random([1; 16]);
        let authority = CertificateAuthority::create("test", &serial, SystemClock.system_time()).unwrap();
        let key = IdentityKey::generate().unwrap();
        let issued = authority.issue_server(&key, &serial, SystemClock.system_time()).unwrap();
        let server = TlsIdentity::new(&issued.der, &key).unwrap();
        Self { authority, server, serials: AtomicU32::new(2) }
    }

    fn site_issued_at(&self, at: SystemTime) -> TlsIdentity {
        let key = IdentityKey::generate().unwrap();
        let requested = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
        let mut serial = [0; 16];
        serial[12..].copy_from_slice(&self.serials.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        let serial = SerialNumber::from_random(serial);
        let issued =
            self.authority.issue_site("site-a", &requested, &serial, at, profile::SITE_LIFETIME).unwrap();
        TlsIdentity::new(&issued.der, &key).unwrap()
    }

    fn site(&self) -> TlsIdentity {
        self.site_issued_at(SystemClock.system_time())
    }

    fn client_tls(&self, site: &TlsIdentity) -> rustls::ClientConfig {
        tls::run_client(site, self.authority.certificate_der()).unwrap()
    }

    fn server_tls(&self) -> rustls::ServerConfig {
        tls::run_server(&self.server, &certs::Lineage::only(self.authority.certificate_der())).unwrap()
    }
}

/// Answers with what it was asked: digests and sizes come back, so that a test sees what arrived.
#[derive(Default)]
struct Echo {
    admitted: AtomicU32,
    refuse_everyone: Option<CloseCode>,
}

/// Lets no operator in.
struct NoAdmins;

impl AdminHandler for NoAdmins {
    async fn admit(&self, _peer: &Peer) -> Result<(), CloseCode> {
        Err(CloseCode::NotAuthorised)
    }

    async fn converse(&self, _peer: &Peer, _reader: admin::Reader, _writer: admin::Writer) {}
}

impl Handler for Echo {
    async fn admit(&self, _peer: &Peer) -> Result<(), CloseCode> {
        self.admitted.fetch_add(1, Ordering::SeqCst);
        self.refuse_everyone.map_or(Ok(()), Err)
    }

    async fn handle(&self, _peer: &Peer, received: Received) -> Reply {
        match received.envelope.request {
            Request::Hello { .. } => Response::Welcome { protocol: PROTOCOL_VERSION }.into(),
            Request::Poll { wait_ms } => {
                tokio::time::sleep(Duration::from_millis(u64::from(wait_ms.min(20_000)))).await;
                Response::Work(Work::Nothing).into()
            }
            Request::Fetch { offset, .. } => {
                let payload = vec![7; usize::try_from(offset).unwrap()];
                let length = u32::try_from(offset).unwrap();
                Reply { response: Response::Blob { offset, length, total: offset }, payload }
            }
            Request::Chunk { digest, .. } if Digest::of(&received.payload) == digest => {
                Response::Continue { next_offset: received.frame_bytes }.into()
            }
            _ => Refusal::BadRequest.into(),
        }
    }
}

/// A running server; stops when told.
struct Running {
    address: SocketAddr,
    connections: Connections,
    handler: Arc<Echo>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(consortium: &Consortium) -> Self {
        Self::start_with_keys(consortium, [5; 32])
    }

    fn start_with_keys(consortium: &Consortium, keys: [u8; 32]) -> Self {
        Self::start_with(consortium.server_tls(), Echo::default(), keys)
    }

    fn start_with(tls: rustls::ServerConfig, handler: Echo, keys: [u8; 32]) -> Self {
        let any_port = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(any_port, tls, EndpointKeys::from_bytes(keys)).unwrap();
        let (address, connections) = (server.local_address().unwrap(), server.connections());
        let handler = Arc::new(handler);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn({
            let handler = handler.clone();
            async move {
                let shutdown = async move { drop(stopped.await) };
                let nobody = admin::Admins { alpn: tls::ALPN_ADMIN, handler: Arc::new(NoAdmins) };
                server.serve(handler, nobody, shutdown).await;
            }
        });
        Self { address, connections, handler, stop, task }
    }

    async fn connect(&self, tls: rustls::ClientConfig) -> Result<(Client, ClientConnection), NetError> {
        let client = Client::bind_for(self.address)?;
        let session = client.connect(self.address, tls, NAME, 5 * SECOND).await?;
        Ok((client, session))
    }
}

fn bytes_of(request: Request) -> Vec<u8> {
    frame::to_bytes(&Envelope { sequence: 3, request }).unwrap()
}

fn hello() -> Vec<u8> {
    let ledger = LedgerHead { size: 0, root: Digest([0; 32]) };
    bytes_of(Request::Hello { protocol: PROTOCOL_VERSION, ledger })
}

fn poll(wait_ms: u32) -> Vec<u8> {
    bytes_of(Request::Poll { wait_ms })
}

/// The whole frame of a chunk: message and raw bytes.
fn chunk(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut bytes = bytes_of(Request::Chunk { digest: Digest::of(payload), offset: 0, length });
    bytes.extend_from_slice(payload);
    bytes
}
