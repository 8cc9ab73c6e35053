//! Enrolment: a site without a certificate asks for one. One connection, one request, one answer, on an
//! endpoint of its own whose ALPN and port differ from run traffic.
//!
//! Called by `site-agent join` and by `coordinator serve`. Invariants: the site has verified the pinned CA
//! before the token leaves it (TLS configuration); at most `ENROLMENTS_MAX` at once, and a connection that
//! says nothing holds no place; each step has `HANDSHAKE_MS_MAX`.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::accept::{self, Peers};
use super::client::{self, Opened};
use super::endpoint::{self, EndpointKeys};
use super::error::{CloseCode, NetError};
use super::stream::{self, ReadFault};
use crate::limits::{ENROLMENTS_MAX, HANDSHAKE_MS_MAX, JOINS_WAITING_MAX};
use crate::wire::frame::{self, PREFIX_BYTES};
use crate::wire::join::{JoinRequest, JoinResponse};

/// What each step of an enrolment gets: read, decide, write.
const STEP: Duration = Duration::from_millis(HANDSHAKE_MS_MAX);

/// What the coordinator does with a request to join.
pub trait JoinHandler: Send + Sync + 'static {
    /// Decides about one request. `from` is for the operator's log.
    fn join(&self, from: SocketAddr, request: JoinRequest) -> impl Future<Output = JoinResponse> + Send;
}

/// A bound endpoint for enrolment.
#[derive(Debug)]
pub struct JoinServer {
    endpoint: Endpoint,
    keys: EndpointKeys,
}

impl JoinServer {
    /// Opens the socket. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`NetError::Bind`] when the address is in use or not ours, [`NetError::Configuration`] when `tls`
    /// cannot be used for QUIC.
    pub fn bind(
        address: SocketAddr,
        tls: rustls::ServerConfig,
        keys: EndpointKeys,
    ) -> Result<Self, NetError> {
        let endpoint = endpoint::bind_server(address, tls, &keys)?;
        Ok(Self { endpoint, keys })
    }

    /// Uses another certificate for new connections; live ones keep theirs.
    ///
    /// # Errors
    /// [`NetError::Configuration`] when `tls` cannot be used for QUIC; the old one stays in use.
    pub fn replace_tls(&self, tls: rustls::ServerConfig) -> Result<(), NetError> {
        self.endpoint.set_server_config(Some(endpoint::server(tls, &self.keys)?));
        Ok(())
    }

    /// The address that was bound, with its real port.
    ///
    /// # Errors
    /// [`NetError::Lost`] when the operating system does not say.
    pub fn local_address(&self) -> Result<SocketAddr, NetError> {
        self.endpoint.local_addr().map_err(|error| NetError::Lost { reason: error.to_string() })
    }

    /// Serves until `shutdown` resolves.
    pub async fn serve<H: JoinHandler>(&self, handler: Arc<H>, shutdown: impl Future<Output = ()> + Send) {
        let desk = Desk { slots: Arc::new(Semaphore::new(ENROLMENTS_MAX)), waiting: Waiting::default() };
        accept::accept_until(&self.endpoint, Peers::Anybody, shutdown, |connection, _stopping| {
            let (handler, desk) = (handler.clone(), desk.clone());
            async move {
                let code = serve_one(&connection, &*handler, &desk).await;
                desk.waiting.leave(&connection);
                connection.close(code.wire(), b"");
            }
        })
        .await;
    }
}

/// Who is being served, and who waits; clones share it.
#[derive(Clone)]
struct Desk {
    slots: Arc<Semaphore>,
    waiting: Waiting,
}

/// Connections whose request was not taken up yet, the oldest first.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<VecDeque<Connection>>>);

impl Waiting {
    /// Lets one more wait; the one that has waited longest gives way.
    fn enter(&self, connection: &Connection) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(connection.clone());
        if waiting.len() > JOINS_WAITING_MAX
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.close(CloseCode::TooMany.wire(), b"");
        }
    }

    fn leave(&self, connection: &Connection) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|other| other.stable_id() != connection.stable_id());
    }
}

async fn serve_one<H: JoinHandler>(connection: &Connection, handler: &H, desk: &Desk) -> CloseCode {
    desk.waiting.enter(connection);
    let read = async {
        let (send, mut receive) = connection.accept_bi().await.map_err(|_| CloseCode::Done)?;
        let request = read_request(&mut receive).await.map_err(|fault| match fault {
            ReadFault::Malformed => CloseCode::Malformed,
            ReadFault::Lost(_) => CloseCode::Done,
        })?;
        Ok::<_, CloseCode>((send, request))
    };
    let (mut send, request) = match timeout(STEP, read).await {
        Ok(Ok(read)) => read,
        Ok(Err(code)) => return code,
        Err(_) => return CloseCode::Deadline,
    };
    // Taken only now: who says nothing holds no place.
    let Ok(Ok(_slot)) = timeout(STEP, desk.slots.acquire()).await else { return CloseCode::TooMany };
    desk.waiting.leave(connection);
    let Ok(answer) = timeout(STEP, handler.join(connection.remote_address(), request)).await else {
        return CloseCode::Deadline;
    };
    match timeout(STEP, write_answer(&mut send, &answer)).await {
        Ok(()) => CloseCode::Done,
        Err(_) => CloseCode::Deadline,
    }
}

async fn read_request(receive: &mut RecvStream) -> Result<JoinRequest, ReadFault> {
    let bytes = stream::read_frame(receive).await?;
    stream::expect_end(receive).await?;
    frame::from_body(bytes.get(PREFIX_BYTES..).unwrap_or_default()).map_err(|_| ReadFault::Malformed)
}

async fn write_answer(send: &mut SendStream, answer: &JoinResponse) {
    let Ok(bytes) = frame::to_bytes(answer) else {
        tracing::error!("the answer to a request to join does not fit into a frame");
        return;
    };
    if stream::write_and_finish(send, &[&bytes]).await.is_ok() {
        let _ = send.stopped().await;
    }
}

/// A site's half: sends exactly `frame_bytes`, the frame of a [`JoinRequest`], to the first of `remotes`
/// where the coordinator is, and returns the answer. `tls` must pin the CA. The same bytes may be sent again
/// after any failure.
///
/// # Errors
/// As [`client::connect_any`] and [`client::ClientConnection::exchange`], which this does one after the
/// other.
pub async fn request(
    remotes: &[SocketAddr],
    tls: rustls::ClientConfig,
    server_name: &str,
    frame_bytes: &[u8],
    deadline: Duration,
) -> Result<JoinResponse, NetError> {
    let Opened { client, connection, .. } = client::connect_any(remotes, &tls, server_name, deadline).await?;
    let connection = connection.into_connection();
    let parse = |body: &[u8]| Some((frame::from_body(body).ok()?, 0));
    let answer = client::call(&connection, frame_bytes, deadline, parse).await;
    client.close().await;
    answer.map(|(response, _)| response)
}
