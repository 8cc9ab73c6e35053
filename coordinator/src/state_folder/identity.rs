//! The consortium's keys on disk; the authority's are in `authority`. Used by `cli::init`, which creates
//! them, and by `server`, `enrolment::keeper` and `cli::check`, which load them. Invariants: key files have
//! mode 0600 in a folder of mode 0700; `init` leaves either a complete identity or none that `serve` uses
//! (`coordinator.toml`, whose presence means "initialised", is written last).

use std::time::SystemTime;

use certs::{CertError, CertificateAuthority, IdentityKey, Lineage, ReceiptSigningKey, TlsIdentity, lineage};
use common::clock::Timestamp;
use common::durable;

use super::StateFolder;
use super::authority::{self, random_serial, read, read_key, write, write_key};
use super::revocations;
use crate::error::{Error, Result};

/// Everything the coordinator proves itself with.
#[derive(Debug)]
pub struct Identity {
    /// Signs site certificates.
    pub authority: CertificateAuthority,
    /// What the endpoints show and take of it and of those before it.
    pub lineage: Lineage,
    /// Our own TLS certificate.
    pub server: TlsIdentity,
    /// Signs receipts.
    pub receipts: ReceiptSigningKey,
}

impl Identity {
    /// Makes and stores a new identity for the consortium called `name`.
    ///
    /// # Errors
    /// The name cannot stand in a certificate, or a key cannot be made or written.
    pub fn create(folder: &StateFolder, name: &str, now: Timestamp) -> Result<Self> {
        let authority = CertificateAuthority::create(name, &random_serial()?, now.into())?;
        let receipts = ReceiptSigningKey::generate()?;
        let ca = folder.ca();
        authority::store(folder, &authority)?;
        write(&ca.join("receipt.key"), receipts.to_text()?.as_bytes(), durable::PRIVATE)?;
        let server = issue_server(folder, &authority, now)?;
        let lineage = Lineage::only(authority.certificate_der());
        Ok(Self { authority, lineage, server, receipts })
    }

    /// Loads the identity; renews the server certificate when a third of its life is left, where an earlier
    /// authority signed it, where it was revoked, and where it or its key is gone.
    ///
    /// # Errors
    /// Another key or certificate is missing, unreadable or not of this authority, or the renewal cannot be
    /// written.
    pub fn load(folder: &StateFolder, now: Timestamp) -> Result<Self> {
        let authority = authority::load(folder)?;
        let lineage = authority::lineage(folder, &authority, now)?;
        let receipts = receipt_key(folder)?;
        let server = match load_server(folder) {
            Ok(server) if !needs_renewal(folder, &server, &authority, now)? => server,
            Ok(_) | Err(Error::Certificate(CertError::KeyMismatch)) => issue_server(folder, &authority, now)?,
            // One of the two files is lost: nobody but us misses it.
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                issue_server(folder, &authority, now)?
            }
            Err(error) => return Err(error),
        };
        Ok(Self { authority, lineage, server, receipts })
    }
}

/// The key that signs receipts, run manifests and lists of what arrived.
///
/// # Errors
/// It is missing, unreadable or no such key.
pub fn receipt_key(folder: &StateFolder) -> Result<ReceiptSigningKey> {
    Ok(ReceiptSigningKey::from_text(&read_key(folder, "receipt.key")?)?)
}

/// The certificate that we show, with its key.
///
/// # Errors
/// One of the two is missing, unreadable or does not belong to the other.
pub fn load_server(folder: &StateFolder) -> Result<TlsIdentity> {
    let certificate = read(&folder.ca().join("server.crt.pem"))?;
    Ok(TlsIdentity::from_pem(&certificate, &read_key(folder, "server.key.pem")?)?)
}

fn needs_renewal(
    folder: &StateFolder,
    server: &TlsIdentity,
    authority: &CertificateAuthority,
    now: Timestamp,
) -> Result<bool> {
    let (peer, now) = (server.peer()?, SystemTime::from(now));
    if revocations::is_revoked_server(folder, peer.serial)? {
        return Ok(true);
    }
    if peer.authority != lineage::key_identifier(authority.certificate_der())? {
        return Ok(true);
    }
    let renew_at = peer.not_after.checked_sub(certs::profile::SERVER_LIFETIME / 3);
    // One that begins in the future was made while the clock was wrong: no site takes it.
    Ok(renew_at.is_none_or(|renew_at| now >= renew_at) || now < peer.not_before)
}

fn issue_server(
    folder: &StateFolder,
    authority: &CertificateAuthority,
    now: Timestamp,
) -> Result<TlsIdentity> {
    let key = IdentityKey::generate()?;
    let issued = authority.issue_server(&key, &random_serial()?, now.into())?;
    // Key and certificate in two files: a crash between the two writes is seen as a mismatch at the
    // next start, so the certificate goes first and a mismatch is mended by issuing again.
    write(&folder.ca().join("server.crt.pem"), issued.pem.as_bytes(), durable::ORDINARY)?;
    write_key(folder, "server.key.pem", &key.to_pem())?;
    Ok(TlsIdentity::new(&issued.der, &key)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_lost_server_key_is_made_again_and_a_lost_receipt_key_is_not() {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(root.path());
        fs::create_dir_all(folder.ca()).unwrap();
        let now = Timestamp(1_800_000_000_000);
        let made = Identity::create(&folder, "test", now).unwrap();
        let receipt_key = |identity: &Identity| *identity.receipts.public_key().unwrap().as_bytes();
        for lost in ["server.key.pem", "server.crt.pem"] {
            fs::remove_file(folder.ca().join(lost)).unwrap();
            let loaded = Identity::load(&folder, now).unwrap();
            assert_eq!(receipt_key(&loaded), receipt_key(&made));
            let again = Identity::load(&folder, now).unwrap();
            assert_eq!(again.server.pin().unwrap(), loaded.server.pin().unwrap(), "{lost}");
        }
        fs::remove_file(folder.ca().join("receipt.key")).unwrap();
        assert!(matches!(Identity::load(&folder, now), Err(Error::Io { .. })));
    }
}
