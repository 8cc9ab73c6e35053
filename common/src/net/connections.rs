//! The coordinator's live connections, so that a revoked site is cut off at once.
//!
//! Used by `server`, which fills it, and by the coordinator's admin commands, which close and list.
//! Invariants: at most `CONNECTIONS_MAX` in all and `CONNECTIONS_PER_CERTIFICATE_MAX` per certificate (of
//! operators and auditors, who have a registry of their own: `ADMIN_CONNECTIONS_...`)
//! (the oldest gives way: it is usually a dead one whose site came back); an entry leaves when its
//! connection does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn::Connection;

use super::error::CloseCode;
use crate::limits::{
    ADMIN_CONNECTIONS_MAX, ADMIN_CONNECTIONS_PER_CERTIFICATE_MAX, CONNECTIONS_MAX,
    CONNECTIONS_PER_CERTIFICATE_MAX,
};

/// Who is at the other end of a connection. TLS has verified the certificate; whether its holder may do
/// what is asked is the handler's decision, on every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Number of the connection since the process started.
    pub connection: u64,
    /// Where it came from when it was accepted.
    pub address: SocketAddr,
    /// The leaf certificate, DER.
    pub certificate_der: Vec<u8>,
}

/// A handle to the registry; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<Mutex<Registry>>);

#[derive(Debug)]
struct Registry {
    next: u64,
    all_max: usize,
    per_certificate_max: usize,
    live: BTreeMap<u64, (Arc<Peer>, Connection)>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            next: 0,
            all_max: CONNECTIONS_MAX,
            per_certificate_max: CONNECTIONS_PER_CERTIFICATE_MAX,
            live: BTreeMap::new(),
        }
    }
}

impl Connections {
    /// Those of operators and auditors, bounded apart from those of sites.
    #[must_use]
    pub fn of_admins() -> Self {
        Self(Arc::new(Mutex::new(Registry {
            all_max: ADMIN_CONNECTIONS_MAX,
            per_certificate_max: ADMIN_CONNECTIONS_PER_CERTIFICATE_MAX,
            ..Registry::default()
        })))
    }

    /// How many are live.
    pub fn len(&self) -> usize {
        self.lock().live.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everyone who is connected now.
    pub fn peers(&self) -> Vec<Arc<Peer>> {
        self.lock().live.values().map(|(peer, _)| peer.clone()).collect()
    }

    /// Closes, as revoked, every connection whose peer matches; says how many. Their sites see it
    /// one network delay later; requests already being handled run to their end but cannot answer.
    pub fn close_where(&self, matches: impl Fn(&Peer) -> bool) -> usize {
        let registry = self.lock();
        let hit = registry.live.values().filter(|(peer, _)| matches(peer));
        hit.map(|(_, connection)| connection.close(CloseCode::Revoked.wire(), b"")).count()
    }

    /// Ends all of them, so that whoever was connected comes again and sees what the endpoint shows now; says
    /// how many there were.
    pub fn reopen_all(&self) -> usize {
        let registry = self.lock();
        let all = registry.live.values();
        all.map(|(_, connection)| connection.close(CloseCode::ShuttingDown.wire(), b"")).count()
    }

    /// Enters a connection; `None` when there is no room.
    pub(super) fn enter(&self, connection: &Connection, certificate_der: Vec<u8>) -> Option<Entry> {
        let mut registry = self.lock();
        let same: Vec<u64> = registry
            .live
            .iter()
            .filter(|(_, (peer, _))| peer.certificate_der == certificate_der)
            .map(|(number, _)| *number)
            .collect();
        let surplus = (same.len() + 1).saturating_sub(registry.per_certificate_max);
        for number in same.iter().take(surplus) {
            if let Some((_, old)) = registry.live.remove(number) {
                old.close(CloseCode::Superseded.wire(), b"");
            }
        }
        if registry.live.len() >= registry.all_max {
            return None;
        }
        let number = registry.next;
        registry.next += 1;
        let address = connection.remote_address();
        let peer = Arc::new(Peer { connection: number, address, certificate_der });
        registry.live.insert(number, (peer.clone(), connection.clone()));
        Some(Entry { peer, connections: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // The map is consistent between any two statements above, so a poisoned lock is still good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Membership in the registry; leaving is dropping.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) peer: Arc<Peer>,
    connections: Connections,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.lock().live.remove(&self.peer.connection);
    }
}
