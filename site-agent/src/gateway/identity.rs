//! The site's identity on disk: its key, its certificate, the consortium's CA, and where the coordinator is.
//!
//! Used by `join`, which writes it once, by the gateway and by `status`. Key and certificate of a later
//! renewal are in a folder beside them (`renewal`) and come first; the key for ledger heads is `heads`'. Key
//! files have mode 0600, are in a folder that the worker cannot open, and may be sealed by a passphrase.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use certs::{IdentityKey, ReceiptPublicKey, SpkiPin, TlsIdentity};
use cli::keys::{self, Sealing};
use common::durable;
use common::id::{Digest, SiteId};
use common::private::passphrase::Passphrase;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::renewal::{self, Renewal};
use crate::error::SiteError;
use crate::paths::StateFolder;

const CERTIFICATE: &str = "certificate.pem";
const AUTHORITY: &str = "ca.pem";
const COORDINATOR: &str = "coordinator.toml";

/// `identity/coordinator.toml`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coordinator {
    /// The name under which the consortium knows this site.
    pub site: SiteId,
    /// HOST:PORT of the coordinator's endpoint for runs, or several with commas between.
    pub address: String,
    /// The coordinator's Ed25519 key for receipts, in hexadecimal digits.
    pub receipt_key: Digest,
}

/// Everything the gateway needs to connect and to check receipts.
#[derive(Debug)]
pub struct Identity {
    pub coordinator: Coordinator,
    pub tls: TlsIdentity,
    /// The authority that this site goes by now.
    pub authority_der: Vec<u8>,
    /// The authority that it joined under, which names the consortium to this site for good.
    pub founder_der: Vec<u8>,
}

impl Identity {
    /// The file of the key that this site joined with.
    pub const KEY_FILE: &str = "key.pem";

    /// Reads the folder; the passphrase opens the key where that is sealed.
    ///
    /// # Errors
    /// `Io` or `Config`, with the file; `Data` for a sealed key that the passphrase does not open.
    pub fn load(folder: &Path, passphrase: &Passphrase) -> Result<Self, SiteError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|source| SiteError::unreadable(&path, source))
        };
        let unusable = |name: &str, error: &dyn std::fmt::Display| {
            SiteError::config(&folder.join(name), error.to_string())
        };
        let founder_der = certs::tls::certificate_from_pem(&read(AUTHORITY)?)
            .map_err(|error| unusable(AUTHORITY, &error))?;
        let (tls, authority_der) = match renewal::load(folder, passphrase)? {
            Some(renewed) => (renewed.tls, renewed.authority_der),
            None => {
                let text = Zeroizing::new(read(Self::KEY_FILE)?);
                let key = keys::opened(&folder.join(Self::KEY_FILE), text, passphrase)?;
                let tls = TlsIdentity::from_pem(&read(CERTIFICATE)?, &key)
                    .map_err(|error| unusable(CERTIFICATE, &error))?;
                (tls, None)
            }
        };
        let authority_der = authority_der.unwrap_or_else(|| founder_der.clone());
        let coordinator = Coordinator::load(folder)?;
        Ok(Self { coordinator, tls, authority_der, founder_der })
    }

    /// Writes the folder, which must exist; the key first and with mode 0600.
    ///
    /// # Errors
    /// `Io`, with the file.
    pub fn store(
        folder: &Path,
        key: &IdentityKey,
        certificate_der: &[u8],
        authority_der: &[u8],
        coordinator: &Coordinator,
    ) -> Result<(), SiteError> {
        let write = |name: &str, text: &str, mode| {
            let path = folder.join(name);
            durable::write(&path, text.as_bytes(), mode).map_err(|source| SiteError::io(&path, source))
        };
        write(Self::KEY_FILE, &key.to_pem(), durable::PRIVATE)?;
        write(CERTIFICATE, &certs::tls::certificate_to_pem(certificate_der), durable::ORDINARY)?;
        write(AUTHORITY, &certs::tls::certificate_to_pem(authority_der), durable::ORDINARY)?;
        coordinator.store(folder)
    }

    /// What renews the certificate of this identity, which was loaded from this state folder; its keys are
    /// written sealed where any of the folder is.
    ///
    /// # Errors
    /// `Config` when the certificate cannot be read.
    pub fn renewal(&self, folder: &StateFolder, sealing: Sealing) -> Result<Renewal, SiteError> {
        let (place, site) = (folder.identity(), &self.coordinator.site);
        let renewal = Renewal::new(&place, site, &self.tls, &self.authority_der)?;
        Ok(renewal.with_passphrase(folder.passphrase(), sealing.is_any()))
    }

    /// SHA-256 of this site's public key, as a roster names it.
    ///
    /// # Errors
    /// `Config` when the certificate cannot be read.
    pub fn own_key(&self) -> Result<Digest, SiteError> {
        let pin = self.tls.pin();
        pin.map(|pin| Digest(*pin.as_bytes()))
            .map_err(|error| SiteError::config(Path::new(CERTIFICATE), error.to_string()))
    }

    /// Who receives our frames, as the ledger names it: SHA-256 of the public key of the authority that this
    /// site joined under, whichever follows it.
    ///
    /// # Errors
    /// `Config` when the CA's certificate cannot be read.
    pub fn peer(&self) -> Result<Digest, SiteError> {
        peer_of(&self.founder_der)
    }

    /// The authority that this site goes by now, if another one has followed that of its joining: SHA-256 of
    /// its public key.
    ///
    /// # Errors
    /// `Config` when a certificate cannot be read.
    pub fn later_authority(&self) -> Result<Option<Digest>, SiteError> {
        later_authority(&self.founder_der, &self.authority_der)
    }
}

/// What anybody may see of an identity: also of a site that has left, and has no key.
#[derive(Debug)]
pub struct Papers {
    pub coordinator: Coordinator,
    /// As in [`Identity`].
    pub authority_der: Vec<u8>,
    /// As in [`Identity`].
    pub founder_der: Vec<u8>,
    /// The certificate in use.
    pub certificate_der: Vec<u8>,
}

impl Papers {
    /// The authority that a site goes by, which needs no other file of its identity.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn authority(folder: &Path) -> Result<Vec<u8>, SiteError> {
        match renewal::certificates(folder)?.and_then(|renewed| renewed.authority_der) {
            Some(later_der) => Ok(later_der),
            None => {
                let path = folder.join(AUTHORITY);
                let text =
                    fs::read_to_string(&path).map_err(|source| SiteError::unreadable(&path, source))?;
                certs::tls::certificate_from_pem(&text)
                    .map_err(|error| SiteError::config(&path, error.to_string()))
            }
        }
    }

    /// Reads the folder.
    ///
    /// # Errors
    /// `Io` or `Config`, with the file.
    pub fn load(folder: &Path) -> Result<Self, SiteError> {
        let read_all = |name: &str| {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).map_err(|source| SiteError::unreadable(&path, source))?;
            certs::tls::certificates_from_pem(&text)
                .map_err(|error| SiteError::config(&path, error.to_string()))
        };
        let read = |name: &str| Ok::<_, SiteError>(read_all(name)?.into_iter().next().unwrap_or_default());
        let founder_der = read(AUTHORITY)?;
        let (certificate_der, authority_der) = match renewal::certificates(folder)? {
            Some(renewed) => (renewed.certificate_der, renewed.authority_der),
            None => {
                // Of a site that has left both are here: see `keep_certificate`.
                let mut kept = read_all(CERTIFICATE)?.into_iter();
                (kept.next().unwrap_or_default(), kept.next())
            }
        };
        let authority_der = authority_der.unwrap_or_else(|| founder_der.clone());
        Ok(Self { coordinator: Coordinator::load(folder)?, authority_der, founder_der, certificate_der })
    }

    /// Keeps the certificate in use, and who signed it, where they can be read without a key.
    ///
    /// # Errors
    /// `Io`, with the file.
    pub fn keep_certificate(&self, folder: &Path) -> Result<(), SiteError> {
        let path = folder.join(CERTIFICATE);
        let mut text = certs::tls::certificate_to_pem(&self.certificate_der);
        text.push_str(&certs::tls::certificate_to_pem(&self.authority_der));
        durable::write(&path, text.as_bytes(), durable::ORDINARY)
            .map_err(|source| SiteError::io(&path, source))
    }

    /// As [`Identity::peer`].
    ///
    /// # Errors
    /// `Config` when the CA's certificate cannot be read.
    pub fn peer(&self) -> Result<Digest, SiteError> {
        peer_of(&self.founder_der)
    }

    /// As [`Identity::later_authority`].
    ///
    /// # Errors
    /// `Config` when a certificate cannot be read.
    pub fn later_authority(&self) -> Result<Option<Digest>, SiteError> {
        later_authority(&self.founder_der, &self.authority_der)
    }
}

impl Coordinator {
    /// Reads the file in the identity's folder.
    ///
    /// # Errors
    /// `Io` or `Config`, with the file.
    pub fn load(folder: &Path) -> Result<Self, SiteError> {
        let path = folder.join(COORDINATOR);
        let text = fs::read_to_string(&path).map_err(|source| SiteError::io(&path, source))?;
        toml::from_str(&text).map_err(|error| SiteError::toml(&path, &text, &error))
    }

    /// Writes the same file in the folder that the gateway follows, which is made where it is missing.
    ///
    /// # Errors
    /// `Io`, with the folder or the file.
    pub fn publish(&self, folder: &Path) -> Result<(), SiteError> {
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(SiteError::io(folder, source))
            }
            _ => self.store(folder),
        }
    }

    /// Writes the file in the identity's folder, whole or not at all.
    ///
    /// # Errors
    /// `Io`, with the file.
    pub fn store(&self, folder: &Path) -> Result<(), SiteError> {
        let path = folder.join(COORDINATOR);
        let text = toml::to_string(self).map_err(|error| SiteError::Internal(error.to_string()))?;
        durable::write(&path, text.as_bytes(), durable::ORDINARY)
            .map_err(|source| SiteError::io(&path, source))
    }

    /// The key that receipts are checked with.
    #[must_use]
    pub fn receipt_public_key(&self) -> ReceiptPublicKey {
        ReceiptPublicKey::from_bytes(self.receipt_key.0)
    }
}

fn later_authority(founder_der: &[u8], authority_der: &[u8]) -> Result<Option<Digest>, SiteError> {
    let now = peer_of(authority_der)?;
    Ok(Some(now).filter(|now| peer_of(founder_der).ok().as_ref() != Some(now)))
}

/// See [`Identity::peer`].
///
/// # Errors
/// `Config` when the certificate cannot be read.
pub fn peer_of(authority_der: &[u8]) -> Result<Digest, SiteError> {
    SpkiPin::of_certificate(authority_der)
        .map(|pin| Digest(*pin.as_bytes()))
        .map_err(|error| SiteError::config(Path::new(AUTHORITY), error.to_string()))
}
