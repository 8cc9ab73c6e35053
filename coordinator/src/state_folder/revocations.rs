//! The consortium's revocation list on disk, and our own certificates that were revoked. Used by
//! `enrolment::lists` and, where no `serve` runs, by `cli::offline` and `admin::books`.
//!
//! ```text
//! ca/revocations.crl       the newest list (DER)
//! ca/revoked-server.json   certificates of this coordinator that count no more
//! ```
//!
//! Invariants: the list follows the database: what is revoked there is on the next list, whatever crashed
//! between the two; a list's number is above that of each list before it, also of an earlier authority, and
//! at least the seconds since 1970 when it was signed, so that it also rises where the file was lost or
//! restored.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use certs::crl::{self, Reason, Revoked};
use certs::limits::REVOCATIONS_BYTES_MAX;
use certs::{CertificateAuthority, RevocationList, SerialNumber, SpkiPin, TlsIdentity, tls};
use common::clock::Timestamp;
use common::durable;
use serde::{Deserialize, Serialize};

use super::{StateFolder, authority};
use crate::error::{Error, Result};
use crate::limits::{REVOKED_SERVER_BYTES_MAX, REVOKED_SERVERS_MAX};
use crate::store::Store;

const LIST: &str = "revocations.crl";
const SERVERS: &str = "revoked-server.json";

/// A certificate of this coordinator that counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    /// Its serial number.
    serial: [u8; 16],
    /// SHA-256 of its key.
    key: [u8; 32],
    /// When it ends, in milliseconds since 1970.
    ends_ms: u64,
    /// Since when it counts no more, in milliseconds since 1970.
    revoked_ms: u64,
}

/// The newest list in DER; `None` where none was ever signed.
///
/// # Errors
/// The file cannot be read, or is longer than a list.
pub fn read(folder: &StateFolder) -> Result<Option<Vec<u8>>> {
    let path = folder.ca().join(LIST);
    read_at_most(&path, REVOCATIONS_BYTES_MAX as u64)
}

/// The newest list where nothing more is revoked and it is not old; otherwise another one, signed and on the
/// disk. The caller is the only one who signs: it holds the folder's lock, or is `serve`.
///
/// # Errors
/// More is revoked than a list may hold, or a file or the database cannot be read or written.
pub fn bring_up_to_date(
    folder: &StateFolder,
    store: &Store,
    authority: &CertificateAuthority,
    now: Timestamp,
) -> Result<RevocationList> {
    let mut revoked = store.revoked_certificates(now)?;
    revoked.extend(servers(folder)?.iter().filter(|one| one.is_listed(now)).map(Server::as_revoked));
    let der = read(folder)?;
    let found = |root: &[u8]| RevocationList::verify(der.as_deref()?, root).ok();
    let newest = found(authority.certificate_der());
    if let Some(list) = &newest
        && !list.is_old(now.into())
        && list.lists(&revoked)
    {
        return Ok(list.clone());
    }
    let mut before = newest.map_or(0, |list| list.number());
    for earlier in authority::predecessors(folder)? {
        let number = found(&tls::certificate_from_pem(&earlier.certificate_pem)?).map(|list| list.number());
        before = before.max(number.unwrap_or(0));
    }
    let number = before.saturating_add(1).max(now.0 / 1000);
    let der = crl::sign(authority, number, &revoked, now.into())?;
    let list = RevocationList::verify(&der, authority.certificate_der())?;
    let path = folder.ca().join(LIST);
    durable::write(&path, &der, durable::ORDINARY).map_err(Error::io("write", &path))?;
    tracing::info!(number, entries = list.entries().len(), "a revocation list was signed");
    Ok(list)
}

/// Notes that the certificate which this coordinator shows counts no more. `Identity::load` makes another one
/// then, with a key of its own.
///
/// # Errors
/// The certificate cannot be read, so many were revoked already, or the file cannot be read or written.
pub fn revoke_server(folder: &StateFolder, server: &TlsIdentity, now: Timestamp) -> Result<()> {
    let certificate = server.peer()?;
    let mut all = servers(folder)?;
    if all.iter().any(|one| one.serial == *certificate.serial.as_bytes()) {
        return Ok(());
    }
    all.retain(|one| one.is_listed(now));
    if all.len() >= REVOKED_SERVERS_MAX {
        return Err(Error::Argument {
            message: format!("{REVOKED_SERVERS_MAX} certificates of this coordinator are listed already"),
            hint: "one leaves the list a week after it would have ended; make sure first how keys get out"
                .into(),
        });
    }
    all.push(Server {
        serial: *certificate.serial.as_bytes(),
        key: *certificate.key.as_bytes(),
        ends_ms: Timestamp::from(certificate.not_after).0,
        revoked_ms: now.0,
    });
    let text = serde_json::to_vec_pretty(&all).map_err(|error| Error::Internal(error.to_string()))?;
    let path = folder.ca().join(SERVERS);
    durable::write(&path, &text, durable::ORDINARY).map_err(Error::io("write", &path))
}

/// Whether a certificate of this coordinator counts no more.
///
/// # Errors
/// The file is there and cannot be read.
pub(super) fn is_revoked_server(folder: &StateFolder, serial: SerialNumber) -> Result<bool> {
    Ok(servers(folder)?.iter().any(|one| one.serial == *serial.as_bytes()))
}

impl Server {
    fn is_listed(&self, now: Timestamp) -> bool {
        let kept_ms = u64::try_from(crl::KEPT_AFTER_END.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.ends_ms).plus_ms(kept_ms) > now
    }

    fn as_revoked(&self) -> Revoked {
        Revoked {
            serial: SerialNumber::from_bytes(self.serial),
            key: SpkiPin::from_bytes(self.key),
            since: Timestamp(self.revoked_ms).into(),
            reason: Reason::KeyCompromise,
        }
    }
}

fn servers(folder: &StateFolder) -> Result<Vec<Server>> {
    let path = folder.ca().join(SERVERS);
    let Some(text) = read_at_most(&path, REVOKED_SERVER_BYTES_MAX)? else { return Ok(Vec::new()) };
    serde_json::from_slice(&text).map_err(|error| Error::Config { path, reason: error.to_string() })
}

fn read_at_most(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(Error::io("read", path))?,
    };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() as u64 > most {
        return Err(Error::Config { path: path.to_path_buf(), reason: "it is too long".into() });
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests;
