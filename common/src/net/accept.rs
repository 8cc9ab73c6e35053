//! The accept loop of an endpoint: address validation, bounded handshakes, one task per connection,
//! orderly shutdown.
//!
//! Used by `server` and `join`. Invariants: an address is validated by Retry before any TLS work is
//! done for it; at most `INCOMING_MAX` handshakes run at once, each for at most
//! `HANDSHAKE_MS_MAX`, and the oldest gives way (`handshakes`); when asked to stop, connections get
//! `SHUTDOWN_MS_MAX`.

use std::future::Future;
use std::time::Duration;

use quinn::{Connection, Endpoint, Incoming};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::timeout;

use super::error::CloseCode;
use super::handshakes::{Handshakes, Place};
use crate::limits::{HANDSHAKE_MS_MAX, SHUTDOWN_MS_MAX};

/// Accepts until `shutdown` resolves; `serve` gets each established connection and a signal that turns
/// true when it should finish what it has and return.
pub(super) async fn accept_until<S, F>(
    endpoint: &Endpoint,
    peers: Peers,
    shutdown: impl Future<Output = ()> + Send,
    serve: S,
) where
    S: Fn(Connection, watch::Receiver<bool>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, stopping) = watch::channel(false);
    let mut established = JoinSet::new();
    let mut connecting = Connecting { handshakes: Handshakes::new(), tasks: JoinSet::new() };
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => connecting.begin(incoming),
                None => break,
            },
            Some(done) = connecting.tasks.join_next_with_id(), if !connecting.tasks.is_empty() => {
                if let Some(connection) = connecting.ended(done) {
                    if peers == Peers::Members {
                        connecting.handshakes.remember(connection.remote_address().ip());
                    }
                    established.spawn(serve(connection, stopping.clone()));
                }
            }
            Some(_) = established.join_next(), if !established.is_empty() => {}
        }
    }
    connecting.tasks.abort_all();
    // No receiver is left when every connection is gone already.
    let _ = stop.send(true);
    let finish = async { while established.join_next().await.is_some() {} };
    let grace = Duration::from_millis(SHUTDOWN_MS_MAX);
    if timeout(grace, finish).await.is_err() {
        tracing::info!(connections = established.len(), "stopping with requests in progress");
    }
    endpoint.close(CloseCode::ShuttingDown.wire(), b"");
    let _ = timeout(grace, endpoint.wait_idle()).await;
}

/// Whether a connection's peer is a member once its handshake is done: the endpoint asked for a certificate,
/// or anybody may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peers {
    /// TLS let in only who holds a certificate of the consortium.
    Members,
    /// Whoever wants to join.
    Anybody,
}

/// Handshakes in progress: who is at it, and the tasks.
struct Connecting {
    handshakes: Handshakes<AbortHandle>,
    tasks: JoinSet<Option<Connection>>,
}

impl Connecting {
    fn begin(&mut self, incoming: Incoming) {
        if !incoming.remote_address_validated() && incoming.may_retry() {
            // Fails only where `may_retry` is false.
            let _ = incoming.retry();
            return;
        }
        let address = incoming.remote_address();
        match self.handshakes.place(address.ip()) {
            Place::Free => {}
            Place::Instead(oldest) => oldest.abort(),
            Place::Taken => return incoming.refuse(),
        }
        let task = self.tasks.spawn(async move {
            let handshake = incoming.accept().ok()?;
            match timeout(Duration::from_millis(HANDSHAKE_MS_MAX), handshake).await {
                Ok(Ok(connection)) => Some(connection),
                Ok(Err(error)) => {
                    tracing::info!(%address, %error, "handshake refused");
                    None
                }
                Err(_) => {
                    tracing::info!(%address, "handshake not finished in time");
                    None
                }
            }
        });
        self.handshakes.begun(address.ip(), task);
    }

    /// The connection of a task that ended, if it made one.
    fn ended(&mut self, done: Result<(Id, Option<Connection>), JoinError>) -> Option<Connection> {
        let (id, connection) = done.unwrap_or_else(|error| (error.id(), None));
        self.handshakes.ended(|task| task.id() == id);
        connection
    }
}
