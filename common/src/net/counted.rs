//! Counts what a site's sockets hand to the kernel, over the life of the process: failed handshakes and
//! farewells too, which no connection's own count has. Used by `endpoint`, for the sockets of clients; read
//! by the site agent's gateway, which stores it beside the ledger. Invariant: what the kernel took is counted
//! once, whoever sent it.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use crate::counts::SentCount;

static DATAGRAMS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Held while a datagram is handed to the kernel and counted, so that a reader's two counts are of one
/// moment.
static SENDING: Mutex<()> = Mutex::new(());

/// What this process handed to the kernel through client sockets since it began, and what `read` says of the
/// kernel's own count at the same moment: nothing is handed over meanwhile.
#[must_use]
pub fn sent_by_this_process<T>(read: impl FnOnce() -> T) -> (SentCount, T) {
    let _nobody_sends = SENDING.lock().unwrap_or_else(PoisonError::into_inner);
    let number = |number: &AtomicU64| number.load(Ordering::Relaxed);
    (SentCount { datagrams: number(&DATAGRAMS), bytes: number(&BYTES), calls: number(&CALLS) }, read())
}

/// A socket that counts.
#[derive(Debug)]
pub(super) struct Counted(Arc<dyn AsyncUdpSocket>);

impl Counted {
    pub(super) fn wrap(socket: Arc<dyn AsyncUdpSocket>) -> Arc<Self> {
        Arc::new(Self(socket))
    }
}

impl AsyncUdpSocket for Counted {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.0).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let _counted_at_once = SENDING.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.try_send(transmit)?;
        let bytes = transmit.contents.len();
        let datagrams = transmit.segment_size.map_or(1, |size| bytes.div_ceil(size.max(1)));
        DATAGRAMS.fetch_add(datagrams as u64, Ordering::Relaxed);
        BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
        CALLS.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_recv(context, buffers, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.0.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.0.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.0.may_fragment()
    }
}
