//! The coordinator's end of run traffic: reads requests, hands them to a [`Handler`], sends its replies.
//!
//! Run by `coordinator serve`. Invariants: a handler sees only whole, well-formed requests of a peer
//! whose certificate TLS verified; one task per stream, at most `STREAMS_PER_CONNECTION_MAX` per
//! connection; requests that move files are handled in the order of their streams, so that a connection holds
//! the bytes of one at a time; a malformed frame closes its connection with a code and reaches no handler. A
//! handler that started is not cancelled when its peer goes away, only when it misses `REQUEST_WAIT_MS_MAX`
//! or the grace period of a shutdown.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, Endpoint, RecvStream, SendStream};
use rustls::pki_types::CertificateDer;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::accept::{self, Peers};
use super::admin::{self, AdminHandler, Admins};
use super::connections::{Connections, Entry, Peer};
use super::endpoint::{self, EndpointKeys};
use super::error::{CloseCode, NetError};
use super::stream::{self, ReadFault};
use super::turns::{Turn, Turns};
use crate::id::Digest;
use crate::limits::{
    HANDSHAKE_MS_MAX, PAYLOADS_IN_FLIGHT_MAX, REQUEST_WAIT_MS_MAX, STREAMS_PER_CONNECTION_MAX,
};
use crate::wire::frame::{self, PREFIX_BYTES};
use crate::wire::message::{Envelope, Refusal, Response};

/// What each step of a request gets: read, handle, write, arrive.
const STEP: Duration = Duration::from_millis(REQUEST_WAIT_MS_MAX);
/// What the decision about a new connection gets.
const ADMISSION: Duration = Duration::from_millis(HANDSHAKE_MS_MAX);

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Sequence number and request.
    pub envelope: Envelope,
    /// Raw bytes behind the frame, as many as [`Request::payload_bytes`] says.
    ///
    /// [`Request::payload_bytes`]: crate::wire::message::Request::payload_bytes
    pub payload: Vec<u8>,
    /// SHA-256 of exactly the bytes that came: prefix, message, payload. Equals the site's ledger record.
    pub frame_digest: Digest,
    /// How many bytes that was.
    pub frame_bytes: u64,
}

/// What to send back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The message.
    pub response: Response,
    /// Raw bytes behind the frame, as many as [`Response::payload_bytes`] says.
    pub payload: Vec<u8>,
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self { response, payload: Vec::new() }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Response::Refused(refusal).into()
    }
}

/// What the coordinator does with requests.
pub trait Handler: Send + Sync + 'static {
    /// Whether this peer may have a connection at all; asked once, right after the handshake. What it is told
    /// if not: a code.
    fn admit(&self, peer: &Peer) -> impl Future<Output = Result<(), CloseCode>> + Send;

    /// Handles one request. Must authorise the peer again: a connection may outlive an authorisation.
    fn handle(&self, peer: &Peer, received: Received) -> impl Future<Output = Reply> + Send;
}

/// A bound endpoint for run traffic.
#[derive(Debug)]
pub struct Server {
    endpoint: Endpoint,
    connections: Connections,
    admins: Connections,
    keys: EndpointKeys,
    step: Duration,
}

impl Server {
    /// With another deadline of a step, for tests that wait for its end.
    #[cfg(test)]
    pub(super) fn with_step(self, step: Duration) -> Self {
        Self { step, ..self }
    }

    /// Opens the socket. `tls` must require client certificates. Must be called inside a tokio runtime.
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
        let (connections, admins) = (Connections::default(), Connections::of_admins());
        Ok(Self { endpoint, connections, admins, keys, step: STEP })
    }

    /// The address that was bound, with its real port.
    ///
    /// # Errors
    /// [`NetError::Lost`] when the operating system does not say.
    pub fn local_address(&self) -> Result<SocketAddr, NetError> {
        self.endpoint.local_addr().map_err(|error| NetError::Lost { reason: error.to_string() })
    }

    /// The registry of live connections, for `revoke` and `status`.
    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }

    /// The registry of operators' and auditors' live connections.
    pub fn admins(&self) -> Connections {
        self.admins.clone()
    }

    /// Uses another certificate for new connections; live ones keep theirs.
    ///
    /// # Errors
    /// [`NetError::Configuration`] when `tls` cannot be used for QUIC; the old one stays in use.
    pub fn replace_tls(&self, tls: rustls::ServerConfig) -> Result<(), NetError> {
        self.endpoint.set_server_config(Some(endpoint::server(tls, &self.keys)?));
        Ok(())
    }

    /// Serves until `shutdown` resolves; then lets requests in progress finish for a moment, tells every
    /// site, and returns.
    ///
    /// Who came with the protocol of `admins` is served by their handler, and by nothing else.
    pub async fn serve<H: Handler, A: AdminHandler>(
        &self,
        handler: Arc<H>,
        admins: Admins<A>,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let payloads = Arc::new(Semaphore::new(PAYLOADS_IN_FLIGHT_MAX));
        accept::accept_until(&self.endpoint, Peers::Members, shutdown, |connection, stopping| {
            let (handler, payloads, admin) = (handler.clone(), payloads.clone(), admins.handler.clone());
            let (connections, registry, step) = (self.connections.clone(), self.admins.clone(), self.step);
            async move {
                let Some(certificate_der) = leaf_certificate(&connection) else {
                    return connection.close(CloseCode::NotAuthorised.wire(), b"");
                };
                if endpoint::negotiated(&connection).as_deref() == Some(admins.alpn) {
                    return admin::serve(connection, certificate_der, stopping, registry, admin).await;
                }
                let entry = connections.enter(&connection, certificate_der);
                serve_connection(connection, stopping, entry, handler, payloads, step).await;
            }
        })
        .await;
    }
}

async fn serve_connection<H: Handler>(
    connection: Connection,
    mut stopping: watch::Receiver<bool>,
    entry: Option<Entry>,
    handler: Arc<H>,
    payloads: Arc<Semaphore>,
    step: Duration,
) {
    let Some(entry) = entry else {
        return connection.close(CloseCode::TooMany.wire(), b"");
    };
    if let Err(code) =
        timeout(ADMISSION, handler.admit(&entry.peer)).await.unwrap_or(Err(CloseCode::Deadline))
    {
        return connection.close(code.wire(), b"");
    }
    // Not only QUIC's own stream limit: a handler may still be busy after its stream is gone.
    let slots = Arc::new(Semaphore::new(STREAMS_PER_CONNECTION_MAX as usize));
    let (mut streams, turns) = (JoinSet::new(), Turns::new());
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { break };
        tokio::select! {
            accepted = connection.accept_bi() => {
                let Ok((send, receive)) = accepted else { break };
                let (peer, payloads) = (entry.peer.clone(), payloads.clone());
                let task = StreamTask { connection: connection.clone(), peer, payloads, step };
                // Streams are accepted in the order in which the site opened them.
                let (handler, turn) = (handler.clone(), turns.take());
                streams.spawn(async move {
                    let _slot = slot;
                    task.run(send, receive, turn, &*handler).await;
                });
            }
            _ = stopping.wait_for(|stop| *stop) => break,
        }
        while streams.try_join_next().is_some() {}
    }
    finish(streams, entry, &connection).await;
}

/// Lets the handlers that are running come to their end; each has a deadline of its own. A connection
/// that is gone leaves the registry at once.
async fn finish(mut streams: JoinSet<()>, entry: Entry, connection: &Connection) {
    let entry = connection.close_reason().is_none().then_some(entry);
    while streams.join_next().await.is_some() {}
    connection.close(CloseCode::ShuttingDown.wire(), b"");
    drop(entry);
}

fn leaf_certificate(connection: &Connection) -> Option<Vec<u8>> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    chain.first().map(|leaf| leaf.to_vec())
}

struct StreamTask {
    connection: Connection,
    peer: Arc<Peer>,
    payloads: Arc<Semaphore>,
    step: Duration,
}

impl StreamTask {
    async fn run<H: Handler>(&self, mut send: SendStream, mut receive: RecvStream, turn: Turn, handler: &H) {
        // Held until the connection is closed where that is to be, so that none behind it is handled first.
        let mut turn = Some(turn);
        let (request, permit) = match self.read(&mut receive, &mut turn).await {
            Ok(read) => read,
            Err(Unread::Fault(ReadFault::Malformed)) => {
                tracing::warn!(address = %self.peer.address, "malformed frame; connection closed");
                return self.connection.close(CloseCode::Malformed.wire(), b"");
            }
            Err(Unread::Fault(ReadFault::Lost(_))) => {
                if turn.is_some() {
                    // Given up half sent: what is behind it must not be counted in its place.
                    self.connection.close(CloseCode::Deadline.wire(), b"");
                }
                return;
            }
            Err(Unread::Late) => {
                // With the connection, so that nothing behind it is counted as if this had not been sent.
                stream::abandon(&mut send, &mut receive, CloseCode::Deadline);
                return self.connection.close(CloseCode::Deadline.wire(), b"");
            }
        };
        let reply = match timeout(self.step, handler.handle(&self.peer, request)).await {
            Ok(reply) => reply,
            Err(_) => {
                if turn.is_some() {
                    // It may still be counted, and what is behind it must not be before it.
                    self.connection.close(CloseCode::Deadline.wire(), b"");
                }
                Refusal::Internal.into()
            }
        };
        let written = timeout(self.step, write_reply(&mut send, &reply)).await;
        // The transport has it: the next one's bytes may take its place.
        drop((reply, permit, turn));
        let is_late = match written {
            // Until the peer has everything: with the last handle of a connection goes what is queued.
            Ok(true) => timeout(self.step, send.stopped()).await.is_err(),
            Ok(false) => false,
            Err(_) => true,
        };
        if is_late {
            stream::abandon(&mut send, &mut receive, CloseCode::Deadline);
        }
    }

    async fn in_time<T>(&self, step: impl Future<Output = Result<T, ReadFault>>) -> Result<T, Unread> {
        timeout(self.step, step).await.map_err(|_| Unread::Late)?.map_err(Unread::Fault)
    }

    /// The request, and the permit that bounds payloads in memory. One that moves no file gives its turn
    /// back.
    async fn read(&self, receive: &mut RecvStream, turn: &mut Option<Turn>) -> Result<Read, Unread> {
        let mut bytes = self.in_time(stream::read_frame(receive)).await?;
        let body = bytes.get(PREFIX_BYTES..).unwrap_or_default();
        let envelope: Envelope = frame::from_body(body).map_err(|_| ReadFault::Malformed)?;
        let frame_end = bytes.len();
        let length = envelope.request.payload_bytes().ok_or(ReadFault::Malformed)?;
        if !envelope.request.is_transfer() {
            *turn = None;
        }
        if let Some(turn) = turn.as_ref() {
            // Nothing but the message is in memory until then. Each one before it has deadlines of its own;
            // this one's would leave a hole before those behind it.
            tokio::select! {
                () = turn.comes() => {}
                reason = self.connection.closed() => return Err(lost(&reason)),
            }
        }
        let mut permit = None;
        if length > 0 {
            // No deadline of its own, either: each that has one has its deadlines, and they come in turn.
            tokio::select! {
                given = self.payloads.clone().acquire_owned() => permit = given.ok(),
                reason = self.connection.closed() => return Err(lost(&reason)),
            }
        }
        let rest = async {
            if length > 0 {
                stream::read_exactly(receive, length, &mut bytes).await?;
            }
            stream::expect_end(receive).await
        };
        self.in_time(rest).await?;
        // Nobody waits for it, and the site may have gone on with another connection meanwhile. Here and not
        // before: the wait for a permit is long, and what came is read from a closed connection, too.
        if let (true, Some(reason)) = (turn.is_some(), self.connection.close_reason()) {
            return Err(lost(&reason));
        }
        let (frame_digest, frame_bytes) = (Digest::of(&bytes), bytes.len() as u64);
        let payload = bytes.split_off(frame_end);
        Ok((Received { envelope, payload, frame_digest, frame_bytes }, permit))
    }
}

type Read = (Received, Option<tokio::sync::OwnedSemaphorePermit>);

/// Why there is no request.
enum Unread {
    Fault(ReadFault),
    Late,
}

impl From<ReadFault> for Unread {
    fn from(fault: ReadFault) -> Self {
        Self::Fault(fault)
    }
}

fn lost(reason: &quinn::ConnectionError) -> Unread {
    ReadFault::Lost(NetError::from_connection(reason)).into()
}

/// Whether the transport has all of it.
async fn write_reply(send: &mut SendStream, reply: &Reply) -> bool {
    let consistent = reply.response.payload_bytes() == Some(reply.payload.len());
    let frame = match frame::to_bytes(&reply.response) {
        Ok(frame) if consistent => frame,
        _ => {
            tracing::error!("a handler's reply does not fit the protocol; the stream is reset");
            let _ = send.reset(CloseCode::Malformed.wire());
            return false;
        }
    };
    stream::write_and_finish(send, &[&frame, &reply.payload]).await.is_ok()
}
