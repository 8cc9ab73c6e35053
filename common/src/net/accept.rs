//! The accept loop of an endpoint: address validation, bounded handshakes, one task per connection,
//! orderly shutdown.
//!
//! Used by `server` and `join`. Invariants: an address is validated by Retry before any TLS work is
//! done for it; at most `INCOMING_MAX` handshakes run at once, each for at most
//! `HANDSHAKE_MS_MAX`; when asked to stop, connections get `SHUTDOWN_MS_MAX`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, Endpoint, Incoming};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::error::CloseCode;
use crate::limits::{HANDSHAKE_MS_MAX, INCOMING_MAX, SHUTDOWN_MS_MAX};

/// Accepts until `shutdown` resolves; `serve` gets each established connection and a signal that turns
/// true when it should finish what it has and return.
pub(super) async fn accept_until<S, F>(
    endpoint: &Endpoint,
    shutdown: impl Future<Output = ()> + Send,
    serve: S,
) where
    S: Fn(Connection, watch::Receiver<bool>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, stopping) = watch::channel(false);
    let handshakes = Arc::new(Semaphore::new(INCOMING_MAX));
    let mut established = JoinSet::new();
    let mut connecting = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => begin(incoming, &handshakes, &mut connecting),
                None => break,
            },
            Some(done) = connecting.join_next(), if !connecting.is_empty() => {
                if let Ok(Some(connection)) = done {
                    established.spawn(serve(connection, stopping.clone()));
                }
            }
            Some(_) = established.join_next(), if !established.is_empty() => {}
        }
    }
    connecting.abort_all();
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

fn begin(incoming: Incoming, handshakes: &Arc<Semaphore>, connecting: &mut JoinSet<Option<Connection>>) {
    if !incoming.remote_address_validated() && incoming.may_retry() {
        // Fails only where `may_retry` is false.
        let _ = incoming.retry();
        return;
    }
    let Ok(slot) = handshakes.clone().try_acquire_owned() else {
        incoming.refuse();
        return;
    };
    let address = incoming.remote_address();
    connecting.spawn(async move {
        let _slot = slot;
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
}
