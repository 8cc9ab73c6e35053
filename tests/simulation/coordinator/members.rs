//! Who is a member, as the real database has it: enrolled with a made-up certificate, authorised at each
//! request, revoked and paused by the operator whether or not the coordinator runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use certs::{JoinToken, SerialNumber, SpkiPin};
use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use common::limits::SITES_MAX;
use coordinator::execution::standing::Standing;
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
        let (members, more) = sites.split_at(sites.len().min(SITES_MAX));
        members.iter().for_each(|site| enrol(&store, site));
        // Closed, so that all of it is in one file.
        drop(store);
        copy_of_the_first(&path, &members[0], more);
        std::fs::read(path).unwrap()
    });
    bytes.clone()
}

/// Sites beyond what a consortium may have: rows like those of the first one.
fn copy_of_the_first(path: &Path, first: &SiteId, more: &[SiteId]) {
    if more.is_empty() {
        return;
    }
    let mut database = rusqlite::Connection::open(path).unwrap();
    let transaction = database.transaction().unwrap();
    let copies = "CREATE TEMP TABLE site AS SELECT * FROM sites WHERE name = ?1;";
    transaction.execute(copies, [first.as_str()]).unwrap();
    let copies = "CREATE TEMP TABLE paper AS SELECT * FROM certificates WHERE site = ?1;";
    transaction.execute(copies, [first.as_str()]).unwrap();
    for name in more {
        let (serial, key) = identity(name);
        transaction.execute("UPDATE site SET name = ?1", [name.as_str()]).unwrap();
        transaction.execute("INSERT INTO sites SELECT * FROM site", []).unwrap();
        let update = "UPDATE paper SET serial = ?1, key_pin = ?2, site = ?3, der = CAST(?3 AS BLOB)";
        transaction
            .execute(update, rusqlite::params![serial.as_bytes(), key.as_bytes(), name.as_str()])
            .unwrap();
        transaction.execute("INSERT INTO certificates SELECT * FROM paper", []).unwrap();
    }
    transaction.commit().unwrap();
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
