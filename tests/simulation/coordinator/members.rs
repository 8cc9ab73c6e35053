//! Who is a member, as the real database has it: enrolled with a made-up certificate, authorised at each
//! request, revoked and paused by the operator whether or not the coordinator runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use certs::{JoinToken, SerialNumber, SpkiPin};
use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use coordinator::execution::catch_up::Standing;
use coordinator::store::{Certificate, Store};

use super::super::context::BEGIN_MS;

/// The serial number and the key of a site's certificate.
pub(super) fn identity(site: &SiteId) -> (SerialNumber, SpkiPin) {
    let digest = Digest::of(site.as_str().as_bytes());
    let mut serial = [0; 16];
    serial.copy_from_slice(&digest.0[..16]);
    (SerialNumber::from_random(serial), SpkiPin::of_spki(&digest.0))
}

/// The bytes of a database in which these sites are enrolled; made once for each number of sites.
pub(super) fn database(folder: &Path, sites: &[SiteId]) -> Vec<u8> {
    static MADE: Mutex<BTreeMap<usize, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    let bytes = made.entry(sites.len()).or_insert_with(|| {
        let path = folder.join("template.db");
        let store = Store::open(&path).unwrap();
        sites.iter().for_each(|site| enrol(&store, site));
        // Closed, so that all of it is in one file.
        drop(store);
        std::fs::read(path).unwrap()
    });
    bytes.clone()
}

/// Invites and enrols a site.
fn enrol(store: &Store, site: &SiteId) {
    let now = Timestamp(BEGIN_MS);
    let token = JoinToken::from_bytes(Digest::of(site.as_str().as_bytes()).0).hash();
    let (serial, key) = identity(site);
    store.invite(site, &token, now.plus_ms(1_000), now).unwrap();
    let der = site.as_str().as_bytes().to_vec();
    store.enrol(&token, site.as_str(), key, now, |_| Ok(Certificate { serial, key, der })).unwrap();
}

/// What the database knows of all sites, and who was ever there.
pub(super) fn standing(store: &Store) -> Vec<(Standing, bool)> {
    let rows = store.sites().unwrap().into_iter();
    let known = rows.map(|row| {
        let was_there = row.seen_at.is_some();
        let (is_revoked, is_paused) = (row.status.is_out(), row.paused_at.is_some());
        (Standing { site: row.name, is_revoked, is_paused }, was_there)
    });
    known.collect()
}
