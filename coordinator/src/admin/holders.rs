//! What is known of operators, auditors and witnesses, and how one is shut out. Used by `books` and
//! `server`, shown by `cli::operators`. Invariants: a field is only ever added; first the database (no new
//! command is taken), then live connections.

use certs::PeerCertificate;
use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use common::net::{Connections, Peer};
use serde::{Deserialize, Serialize};

use super::report::rfc3339;
use crate::error::{Error, Result};
use crate::store::Store;

/// One person, as `coordinator operators list --json` shows it. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderFacts {
    /// The name.
    pub name: String,
    /// `operator`, `auditor` or `witness`.
    pub role: String,
    /// `invited`, `active` or `revoked`.
    pub status: String,
    /// When the newest certificate was taken.
    pub joined: Option<String>,
    /// When the last command came.
    pub last_seen: Option<String>,
    /// SHA-256 of the certificate that counts, as the log of acts has it.
    pub certificate: Option<String>,
    /// When it ends.
    pub certificate_ends: Option<String>,
}

/// All of them, by name.
pub(super) fn facts(store: &Store) -> Result<Vec<HolderFacts>> {
    let rows = store.holders()?.into_iter();
    Ok(rows
        .map(|row| {
            let der = row.certificate_der.as_deref();
            let ends = der.and_then(|der| PeerCertificate::from_der(der).ok());
            HolderFacts {
                name: row.name.to_string(),
                role: row.role.to_string(),
                status: row.status,
                joined: row.joined_at.map(rfc3339),
                last_seen: row.seen_at.map(rfc3339),
                certificate: der.map(|der| Digest::of(der).to_string()),
                certificate_ends: ends.map(|peer| rfc3339(peer.not_after.into())),
            }
        })
        .collect())
}

/// Revokes one in the database.
pub(super) fn revoke_in(store: &Store, name: &str, now: Timestamp) -> Result<()> {
    let unknown = || Error::Argument {
        message: format!(
            "there is no operator, auditor or witness {} to revoke",
            name.chars().take(64).collect::<String>()
        ),
        hint: "`coordinator operators list` lists them".into(),
    };
    let name: SiteId = name.parse().map_err(|_| unknown())?;
    if store.revoke_holder(&name, now)? { Ok(()) } else { Err(unknown()) }
}

/// Ends whatever this one has open; with `but`, what has another certificate. Returns how many connections
/// that were.
pub fn close_all(admins: &Connections, name: &SiteId, but: Option<&[u8]>) -> usize {
    let is_theirs = |peer: &Peer| {
        let certificate = PeerCertificate::from_der(&peer.certificate_der);
        certificate.is_ok_and(|found| found.member().is_ok_and(|(_, holder)| holder == name.as_str()))
    };
    admins.close_where(|peer| is_theirs(peer) && but != Some(peer.certificate_der.as_slice()))
}

/// Ends one connection.
pub(super) fn close_connection(admins: &Connections, number: u64) {
    admins.close_where(|peer| peer.connection == number);
}
