//! Who is out of reach. Used by `driver`, which asks once a quorum is in, and by `admin`, which says who is
//! connected. Invariants: a site is offline only after it had time to come back, also after our own restart;
//! a site that never said hello is not there, however long ago it joined.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use certs::PeerCertificate;
use common::clock::Timestamp;
use common::id::SiteId;
use common::net::Connections;

use crate::limits::OFFLINE_MS_MIN;
use crate::round::missing::Absence;
use crate::store::SiteRow;

/// Knows the live connections, and since when each site has had none.
#[derive(Debug)]
pub struct Presence {
    connections: Connections,
    last: Mutex<BTreeMap<SiteId, Timestamp>>,
}

impl Presence {
    /// With these connections.
    pub fn new(connections: Connections) -> Self {
        Self { connections, last: Mutex::default() }
    }

    /// Sites that are connected now.
    pub fn connected(&self) -> BTreeSet<SiteId> {
        self.connections.peers().iter().filter_map(|peer| site_of(&peer.certificate_der)).collect()
    }

    /// Looks at the connections: which of `sites` are out of reach at `now`.
    pub fn look(&self, sites: &[SiteRow], now: Timestamp) -> BTreeMap<SiteId, Absence> {
        absent(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner), &self.connected(), sites, now)
    }
}

/// Whose certificate this is.
pub fn site_of(certificate_der: &[u8]) -> Option<SiteId> {
    PeerCertificate::from_der(certificate_der).ok()?.site().ok()?.parse().ok()
}

/// `last` holds when each site was last found connected, or first found missing.
fn absent(
    last: &mut BTreeMap<SiteId, Timestamp>,
    connected: &BTreeSet<SiteId>,
    sites: &[SiteRow],
    now: Timestamp,
) -> BTreeMap<SiteId, Absence> {
    let mut absent = BTreeMap::new();
    for row in sites {
        let since = last.entry(row.name.clone()).or_insert(now);
        if connected.contains(&row.name) {
            *since = now;
        } else if row.hello_at.is_none() {
            absent.insert(row.name.clone(), Absence::NeverConnected);
        } else if now.since_ms(*since) >= OFFLINE_MS_MIN {
            absent.insert(row.name.clone(), Absence::Offline);
        }
    }
    absent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SiteStatus;

    #[test]
    fn a_site_is_offline_after_a_minute_and_there_again_at_once() {
        let row = |name: &str, hello_at| SiteRow {
            name: name.parse().unwrap(),
            status: SiteStatus::Active,
            joined_at: Some(Timestamp(0)),
            hello_at,
            seen_at: None,
            paused_at: None,
        };
        let sites = [row("a", Some(Timestamp(1))), row("b", Some(Timestamp(1))), row("new", None)];
        let name = |text: &str| -> SiteId { text.parse().unwrap() };
        let (mut last, here) = (BTreeMap::new(), BTreeSet::from([name("a")]));
        let mut at = |connected: &BTreeSet<SiteId>, ms| absent(&mut last, connected, &sites, Timestamp(ms));
        let only_new = BTreeMap::from([(name("new"), Absence::NeverConnected)]);
        assert_eq!(at(&here, 5), only_new, "b has its time to come back");
        assert_eq!(at(&here, 5 + OFFLINE_MS_MIN - 1), only_new);
        let both = at(&here, 5 + OFFLINE_MS_MIN);
        assert_eq!(both.get(&name("b")), Some(&Absence::Offline));
        assert_eq!(both.len(), 2);
        let back = BTreeSet::from([name("b")]);
        assert_eq!(at(&back, 6 + OFFLINE_MS_MIN), only_new, "b is back, and a has just gone");
        let waiting = BTreeSet::from([name("new")]);
        assert!(!at(&waiting, 7 + OFFLINE_MS_MIN).contains_key(&name("new")), "its hello is under way");
    }
}
