//! Who is out of reach. Used by `driver`, which looks every second, and by `admin`, which says who is
//! connected. Invariants: a site is offline only after it had time to come back, also after our own restart;
//! what is remembered is bounded by the members there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use certs::PeerCertificate;
use common::clock::Timestamp;
use common::id::SiteId;
use common::net::Connections;

use crate::limits::OFFLINE_MS_MIN;

/// Knows the live connections, and since when each site has had none.
#[derive(Debug)]
pub struct Presence {
    connections: Connections,
    /// Without a connection for so long a site is offline.
    offline_ms: u64,
    last: Mutex<BTreeMap<SiteId, Timestamp>>,
}

impl Presence {
    /// With these connections.
    pub fn new(connections: Connections) -> Self {
        Self::patient(connections, OFFLINE_MS_MIN)
    }

    /// As [`Self::new`], with another patience.
    pub(super) fn patient(connections: Connections, offline_ms: u64) -> Self {
        Self { connections, offline_ms, last: Mutex::default() }
    }

    /// Sites that are connected now.
    pub fn connected(&self) -> BTreeSet<SiteId> {
        self.connections.peers().iter().filter_map(|peer| site_of(&peer.certificate_der)).collect()
    }

    /// Looks at the connections: for each of `sites` that has none, since when it has been missing.
    pub fn look(&self, sites: &[SiteId], now: Timestamp) -> BTreeMap<SiteId, Timestamp> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        missing(&mut last, &self.connected(), sites, now)
    }

    /// Whether a site that has been missing since then is offline.
    pub fn is_offline(&self, since: Timestamp, now: Timestamp) -> bool {
        now.since_ms(since) >= self.offline_ms
    }
}

/// Whose certificate this is.
pub fn site_of(certificate_der: &[u8]) -> Option<SiteId> {
    PeerCertificate::from_der(certificate_der).ok()?.site().ok()?.parse().ok()
}

/// For each of `sites` that is not connected, since when it has been missing. `last` holds when each site was
/// last found connected, or first found missing.
pub fn missing(
    last: &mut BTreeMap<SiteId, Timestamp>,
    connected: &BTreeSet<SiteId>,
    sites: &[SiteId],
    now: Timestamp,
) -> BTreeMap<SiteId, Timestamp> {
    last.extend(connected.iter().map(|site| (site.clone(), now)));
    let out = sites.iter().filter(|site| !connected.contains(site));
    out.map(|site| (site.clone(), *last.entry(site.clone()).or_insert(now))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_offline_after_a_minute_and_there_again_at_once() {
        let name = |text: &str| -> SiteId { text.parse().unwrap() };
        let (mut last, sites) = (BTreeMap::new(), [name("a"), name("b")]);
        let presence = Presence::new(Connections::default());
        let mut offline = |connected: &[&str], ms| -> Vec<String> {
            let connected = connected.iter().map(|text| name(text)).collect();
            let missing = missing(&mut last, &connected, &sites, Timestamp(ms));
            let offline = missing.into_iter().filter(|(_, since)| presence.is_offline(*since, Timestamp(ms)));
            offline.map(|(site, _)| site.to_string()).collect()
        };
        assert!(offline(&["a"], 5).is_empty(), "b has its time to come back");
        assert!(offline(&["a"], 5 + OFFLINE_MS_MIN - 1).is_empty());
        assert_eq!(offline(&["a"], 5 + OFFLINE_MS_MIN), ["b"]);
        assert!(offline(&["b"], 6 + OFFLINE_MS_MIN).is_empty(), "b is back, and a has just gone");
        assert_eq!(offline(&["b"], 5 + 2 * OFFLINE_MS_MIN), ["a"]);
    }
}
