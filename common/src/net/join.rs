//! Enrolment: a site without a certificate asks for one. One connection, one request, one answer, on an
//! endpoint of its own whose ALPN and port differ from run traffic.
//!
//! Called by `site-agent join` and by `coordinator serve`. Invariants: the site has verified the pinned CA
//! before the token leaves it (TLS configuration); at most `ENROLMENTS_MAX` at once; each step has
//! `HANDSHAKE_MS_MAX`.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::accept;
use super::client::{self, Client};
use super::endpoint::{self, EndpointKeys};
use super::error::{CloseCode, NetError};
use super::stream::{self, ReadFault};
use crate::limits::{ENROLMENTS_MAX, HANDSHAKE_MS_MAX};
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
        keys: &EndpointKeys,
    ) -> Result<Self, NetError> {
        Ok(Self { endpoint: endpoint::bind_server(address, tls, keys)? })
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
        let slots = Arc::new(Semaphore::new(ENROLMENTS_MAX));
        accept::accept_until(&self.endpoint, shutdown, |connection, _stopping| {
            let (handler, slots) = (handler.clone(), slots.clone());
            async move {
                let Ok(_slot) = slots.try_acquire() else {
                    return connection.close(CloseCode::TooMany.wire(), b"");
                };
                let code = serve_one(&connection, &*handler).await;
                connection.close(code.wire(), b"");
            }
        })
        .await;
    }
}

async fn serve_one<H: JoinHandler>(connection: &Connection, handler: &H) -> CloseCode {
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

/// A site's half: sends exactly `frame_bytes`, the frame of a [`JoinRequest`], and returns the answer.
/// `tls` must pin the CA. The same bytes may be sent again after any failure.
///
/// # Errors
/// As [`Client::connect`] and [`client::ClientConnection::exchange`], which this does one after the other.
pub async fn request(
    remote: SocketAddr,
    tls: rustls::ClientConfig,
    server_name: &str,
    frame_bytes: &[u8],
    deadline: Duration,
) -> Result<JoinResponse, NetError> {
    let client = Client::bind_for(remote)?;
    let connection = client.connect(remote, tls, server_name, deadline).await?.into_connection();
    let parse = |body: &[u8]| Some((frame::from_body(body).ok()?, 0));
    let answer = client::call(&connection, frame_bytes, deadline, parse).await;
    client.close().await;
    answer.map(|(response, _)| response)
}
