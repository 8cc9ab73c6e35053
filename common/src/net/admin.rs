//! How operators and auditors command from afar: connections of their own protocol at the endpoint of run
//! traffic, one stream per command, lines in both directions. What the lines say is not this crate's
//! business.
//!
//! Used by `server` for `coordinator serve`, and by the coordinator's command line. Invariants: a peer of
//! this protocol reaches no handler of run traffic, and one of run traffic none of this; connections and
//! streams are bounded apart from those of sites; who opens no stream is let go.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, RecvStream, SendStream};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, BufReader};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::{Client, Opened};
use super::connections::{Connections, Peer};
use super::error::{CloseCode, NetError};
use super::stream;
use crate::limits::{ADMIN_IDLE_MS_MAX, ADMIN_STREAMS_MAX, HANDSHAKE_MS_MAX, LOCAL_MESSAGE_BYTES_MAX};

/// What comes of a command.
pub type Reader = Pin<Box<dyn AsyncRead + Send>>;
/// Where its answer goes.
pub type Writer = Pin<Box<dyn AsyncWrite + Send>>;

/// What the coordinator does with operators and auditors.
pub trait AdminHandler: Send + Sync + 'static {
    /// Whether this peer may have a connection; asked once, after the handshake. If not: a code.
    fn admit(&self, peer: &Peer) -> impl Future<Output = Result<(), CloseCode>> + Send;

    /// Reads one command and answers it. Must authorise the peer again: a connection may outlive that.
    fn converse(&self, peer: &Peer, reader: Reader, writer: Writer) -> impl Future<Output = ()> + Send;
}

/// Who serves operators and auditors, and by which protocol they are known.
#[derive(Debug)]
pub struct Admins<H> {
    /// As it was negotiated.
    pub alpn: &'static [u8],
    /// Who answers them.
    pub handler: Arc<H>,
}

/// Serves a connection until it ends, is idle, or everything stops.
pub(super) async fn serve<H: AdminHandler>(
    connection: Connection,
    certificate_der: Vec<u8>,
    mut stopping: watch::Receiver<bool>,
    connections: Connections,
    handler: Arc<H>,
) {
    let Some(entry) = connections.enter(&connection, certificate_der) else {
        return connection.close(CloseCode::TooMany.wire(), b"");
    };
    let admission = timeout(Duration::from_millis(HANDSHAKE_MS_MAX), handler.admit(&entry.peer)).await;
    if let Err(code) = admission.unwrap_or(Err(CloseCode::Deadline)) {
        return connection.close(code.wire(), b"");
    }
    let slots = Arc::new(Semaphore::new(ADMIN_STREAMS_MAX));
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept_bi() => {
                let Ok((send, receive)) = accepted else { break };
                let Ok(slot) = slots.clone().try_acquire_owned() else {
                    connection.close(CloseCode::TooMany.wire(), b"");
                    break;
                };
                let (peer, handler) = (entry.peer.clone(), handler.clone());
                streams.spawn(async move {
                    let _slot = slot;
                    handler.converse(&peer, Box::pin(receive), Box::pin(send)).await;
                });
            }
            Some(_) = streams.join_next(), if !streams.is_empty() => {}
            () = tokio::time::sleep(Duration::from_millis(ADMIN_IDLE_MS_MAX)), if streams.is_empty() => {
                connection.close(CloseCode::Deadline.wire(), b"");
                break;
            }
            _ = stopping.wait_for(|stop| *stop) => {
                connection.close(CloseCode::ShuttingDown.wire(), b"");
                break;
            }
        }
    }
    drop(entry);
    // What was begun is done, though nobody is told; what only waits for changes notices that nobody is.
    while streams.join_next().await.is_some() {}
}

/// One command and its answer, at the asking end.
#[derive(Debug)]
pub struct Conversation {
    client: Client,
    connection: Connection,
    send: SendStream,
    reader: BufReader<RecvStream>,
}

impl Conversation {
    /// Sends a command, which is one line.
    ///
    /// # Errors
    /// [`NetError::Deadline`], or what ended the connection.
    pub async fn begin(opened: Opened, line: &[u8], deadline: Duration) -> Result<Self, NetError> {
        let Opened { client, connection, .. } = opened;
        let connection = connection.into_connection();
        let sent = async {
            let (mut send, receive) =
                connection.open_bi().await.map_err(|error| NetError::from_connection(&error))?;
            stream::write(&mut send, line).await?;
            Ok::<_, NetError>((send, receive))
        };
        let (send, receive) = timeout(deadline, sent).await.map_err(|_| late(deadline))??;
        Ok(Self { client, connection, send, reader: BufReader::new(receive) })
    }

    /// Says one line more, where the answer asks for it.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn say(&mut self, line: &[u8], deadline: Duration) -> Result<(), NetError> {
        timeout(deadline, stream::write(&mut self.send, line)).await.map_err(|_| late(deadline))?
    }

    /// The next line of the answer, its newline left out; nothing at its end.
    ///
    /// # Errors
    /// [`NetError::Deadline`] when nothing more comes in time, [`NetError::MalformedAnswer`] for a line that
    /// is too long or has no end, or what ended the connection.
    pub async fn line(&mut self, deadline: Duration) -> Result<Option<Vec<u8>>, NetError> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.reader).take(LOCAL_MESSAGE_BYTES_MAX as u64);
        let read =
            timeout(deadline, bounded.read_until(b'\n', &mut line)).await.map_err(|_| late(deadline))?;
        match read {
            Ok(0) => Ok(None),
            Ok(_) if line.pop_if(|byte| *byte == b'\n').is_some() => Ok(Some(line)),
            Ok(_) => Err(self.why_ended(|| NetError::MalformedAnswer)),
            Err(error) => Err(self.why_ended(|| NetError::Lost { reason: error.to_string() })),
        }
    }

    /// A stream often notices the end of its connection first, with fewer words.
    fn why_ended(&self, otherwise: impl FnOnce() -> NetError) -> NetError {
        self.connection.close_reason().map_or_else(otherwise, |error| NetError::from_connection(&error))
    }

    /// Ends it, and waits a moment until the other end has been told.
    pub async fn end(self) {
        self.client.close().await;
    }
}

fn late(deadline: Duration) -> NetError {
    NetError::Deadline { waited_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX) }
}
