//! This site's next key and certificate on disk. Used by `connection`, which asks for the certificate while
//! the agent runs, by `identity`, which loads what is here in place of what `join` wrote, and by
//! `cli::rejoin`.
//!
//! ```text
//! identity/renewed/next-key.pem   a key that was made and perhaps certified     0600
//! identity/renewed/identity.pem   key, certificate and who signed it, in use    0600
//! ```
//!
//! Invariants: a key is durable before anybody is asked to certify it, so that the same key is asked for
//! after any crash; key, certificate and authority change together, in one file; nothing is taken that is not
//! of this site, of this key and of the consortium's authority, or of one that descends from it; where any
//! key of the site is sealed, no new one is ever written plain.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use certs::{CertError, IdentityKey, PeerCertificate, SpkiPin, TlsIdentity, csr, profile, sealed, tls};
use cli::keys;
use common::durable;
use common::id::{Digest, SiteId};
use common::private::passphrase::Passphrase;
use zeroize::Zeroizing;

use crate::error::SiteError;
use crate::limits::RENEWAL_PAUSE_MS_MIN;
use crate::paths::RENEWED;

const NEXT: &str = "next-key.pem";
const CURRENT: &str = "identity.pem";

/// Where renewed keys and certificates are, given the identity's folder.
fn folder(identity: &Path) -> PathBuf {
    identity.join(RENEWED)
}

/// The files of the next key and of the one in use.
#[must_use]
pub fn key_files(identity: &Path) -> [PathBuf; 2] {
    [NEXT, CURRENT].map(|name| folder(identity).join(name))
}

/// Makes the folder where it is missing.
///
/// # Errors
/// `Io`, with the folder.
pub fn create_folder(identity: &Path) -> Result<(), SiteError> {
    let path = folder(identity);
    match fs::DirBuilder::new().mode(0o700).create(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(SiteError::io(&path, source))
        }
        _ => Ok(()),
    }
}

/// What the last renewal left.
#[derive(Debug)]
pub struct Renewed {
    /// Key and certificate.
    pub tls: TlsIdentity,
    /// The authority that signed the certificate; `None` where a version wrote it that knew of one only.
    pub authority_der: Option<Vec<u8>>,
}

/// Key and certificate of the last renewal, if there was one.
///
/// # Errors
/// `Io`; `Config` when the file is damaged; `Data` where the passphrase does not open the key.
pub fn load(identity: &Path, passphrase: &Passphrase) -> Result<Option<Renewed>, SiteError> {
    let path = folder(identity).join(CURRENT);
    let damaged = |error: CertError| SiteError::config(&path, error.to_string());
    let Some(text) = read_current(&path)? else { return Ok(None) };
    let (key, certificates) = sealed::split(&text);
    let key = keys::opened(&path, Zeroizing::new(key.to_owned()), passphrase)?;
    let tls = TlsIdentity::from_pem(certificates, &key).map_err(damaged)?;
    let authority_der = tls::certificates_from_pem(certificates).map_err(damaged)?.into_iter().nth(1);
    Ok(Some(Renewed { tls, authority_der }))
}

/// What of a renewal is for anybody to see.
#[derive(Debug)]
pub struct Certificates {
    /// The certificate in use.
    pub certificate_der: Vec<u8>,
    /// As in [`Renewed`].
    pub authority_der: Option<Vec<u8>>,
}

/// The certificate of the last renewal and who signed it, if there was one: without its key.
///
/// # Errors
/// `Io`, or `Config` when the file is damaged.
pub fn certificates(identity: &Path) -> Result<Option<Certificates>, SiteError> {
    let path = folder(identity).join(CURRENT);
    let Some(text) = read_current(&path)? else { return Ok(None) };
    let found = tls::certificates_from_pem(sealed::split(&text).1);
    let mut found = found.map_err(|error| SiteError::config(&path, error.to_string()))?.into_iter();
    let certificate_der = found.next().unwrap_or_default();
    Ok(Some(Certificates { certificate_der, authority_der: found.next() }))
}

fn read_current(path: &Path) -> Result<Option<Zeroizing<String>>, SiteError> {
    match fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SiteError::unreadable(path, source)),
    }
}

/// A key of this site, and its request for a certificate: the public half, signed with the key.
#[derive(Debug)]
pub struct KeyRequest {
    key: IdentityKey,
    der: Vec<u8>,
}

impl KeyRequest {
    /// The request, PKCS#10 in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key's name in a roster.
    #[must_use]
    pub fn pin(&self) -> Digest {
        Digest(*self.key.pin().as_bytes())
    }

    fn of(key: IdentityKey) -> Result<Self, CertError> {
        let der = csr::create(&key)?;
        Ok(Self { key, der })
    }
}

/// The certificate in use, and its successor's place.
#[derive(Debug)]
pub struct Renewal {
    folder: PathBuf,
    site: SiteId,
    authority_der: Vec<u8>,
    /// The authority that follows it, as the coordinator showed in the newest handshake.
    successor_der: Option<Vec<u8>>,
    current: PeerCertificate,
    /// When its successor was asked for last, by this machine's clock, which certificates go by.
    tried: Option<SystemTime>,
    /// What opens a next key that is sealed.
    passphrase: Arc<Passphrase>,
    /// Whether new keys are sealed with it.
    seals: bool,
}

impl Renewal {
    /// For the certificate that is in use by `site`, whose identity is in this folder.
    ///
    /// # Errors
    /// `Config` when the certificate in use cannot be read.
    pub fn new(
        identity: &Path,
        site: &SiteId,
        tls: &TlsIdentity,
        authority_der: &[u8],
    ) -> Result<Self, SiteError> {
        let folder = folder(identity);
        let current = tls.peer().map_err(|error| SiteError::config(&folder, error.to_string()))?;
        let (site, authority_der) = (site.clone(), authority_der.to_vec());
        let passphrase = Arc::default();
        Ok(Self {
            folder,
            site,
            authority_der,
            successor_der: None,
            current,
            tried: None,
            passphrase,
            seals: false,
        })
    }

    /// The same, which opens a sealed key with this, and seals new ones where that is wanted.
    #[must_use]
    pub fn with_passphrase(self, passphrase: &Arc<Passphrase>, seals: bool) -> Self {
        Self { passphrase: Arc::clone(passphrase), seals, ..self }
    }

    /// The text of a key as it is written to this file.
    fn written(&self, path: &Path, key: &IdentityKey) -> Result<Zeroizing<String>, SiteError> {
        Ok(keys::written(path, &key.to_pem(), self.seals, &self.passphrase)?)
    }

    /// Notes which authority the coordinator descends from, if not from the one that signed the certificate
    /// in use: as `certs::lineage::successor_in` found it.
    pub fn see(&mut self, successor_der: Option<Vec<u8>>) {
        self.successor_der = successor_der;
    }

    /// The authority that signed the certificate in use.
    #[must_use]
    pub fn authority_der(&self) -> &[u8] {
        &self.authority_der
    }

    /// When the certificate in use is renewed: after two thirds of its life.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        profile::renewal_time(self.current.not_before, self.current.not_after)
    }

    /// Whether the successor should be asked for now: two thirds of its life are over, or another authority
    /// signs.
    #[must_use]
    pub fn is_due(&self, now: SystemTime) -> bool {
        let pause = Duration::from_millis(RENEWAL_PAUSE_MS_MIN);
        // A clock that was set back says nothing of how long ago it was.
        let is_over = |tried: SystemTime| !now.duration_since(tried).is_ok_and(|since| since < pause);
        (self.successor_der.is_some() || now >= self.time()) && self.tried.is_none_or(is_over)
    }

    /// The next key, which is on the disk from now on: that of an earlier attempt, or a new one.
    ///
    /// # Errors
    /// `Io`, with the file; `Internal` when no key can be made.
    pub fn request(&mut self, now: SystemTime) -> Result<KeyRequest, SiteError> {
        self.tried = Some(now);
        let internal = |error: CertError| SiteError::Internal(error.to_string());
        let path = self.folder.join(NEXT);
        let earlier = match fs::read_to_string(&path).map(Zeroizing::new) {
            // A key that cannot be read was never certified: it is written whole or not at all.
            Ok(text) => IdentityKey::from_pem(&keys::opened(&path, text, &self.passphrase)?).ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(SiteError::io(&path, source)),
        };
        // The one in use: a crash came before it was removed here.
        if let Some(key) = earlier.filter(|key| key.pin() != self.current.key) {
            return KeyRequest::of(key).map_err(internal);
        }
        let key = IdentityKey::generate().map_err(internal)?;
        durable::write(&path, self.written(&path, &key)?.as_bytes(), durable::PRIVATE)
            .map_err(|source| SiteError::io(&path, source))?;
        KeyRequest::of(key).map_err(internal)
    }

    /// Forgets the next key, which the coordinator has certified before and does not certify again.
    pub fn discard(&self) {
        if let Err(error) = fs::remove_file(self.folder.join(NEXT)) {
            tracing::warn!("the next key could not be removed: {error}");
        }
    }

    /// Takes the certificate of that key into use, and the authority that signed it: from now on [`load`]
    /// gives them.
    ///
    /// # Errors
    /// `Enrolment` when it is not what was asked for; `Io`, with the file. Then the older one stays in use.
    pub fn take(
        &mut self,
        request: &KeyRequest,
        certificate_der: &[u8],
        now: SystemTime,
    ) -> Result<TlsIdentity, SiteError> {
        let refuse = |error: CertError| SiteError::Enrolment {
            sentence: format!("the coordinator's new certificate is refused: {error}"),
            hint: "check this machine's clock; if it is right, tell the coordinator's operator".into(),
        };
        let verified = |authority_der: &[u8]| {
            let pin = SpkiPin::of_certificate(authority_der)?;
            tls::verify_enrolment(certificate_der, authority_der, pin, self.site.as_str(), &request.key, now)
        };
        // One that was signed before the authority changed, and whose answer was lost, is still a good one.
        let by_successor = self.successor_der.as_deref().and_then(|successor| verified(successor).ok());
        let is_followed = by_successor.is_some();
        let renewed = match by_successor {
            Some(renewed) => renewed,
            None => verified(&self.authority_der).map_err(refuse)?,
        };
        let identity = TlsIdentity::new(certificate_der, &request.key).map_err(refuse)?;
        let authority_der = match self.successor_der.as_ref().filter(|_| is_followed) {
            Some(successor) => successor.clone(),
            None => self.authority_der.clone(),
        };
        let path = self.folder.join(CURRENT);
        let mut text = self.written(&path, &request.key)?;
        text.push_str(&tls::certificate_to_pem(certificate_der));
        text.push_str(&tls::certificate_to_pem(&authority_der));
        durable::write(&path, text.as_bytes(), durable::PRIVATE)
            .map_err(|source| SiteError::io(&path, source))?;
        common::crash_point!("site-renewal-stored");
        self.current = renewed;
        if is_followed {
            (self.authority_der, self.successor_der) = (authority_der, None);
        }
        // Left behind it is told from a next key by being the one in use.
        if let Err(error) = fs::remove_file(self.folder.join(NEXT)) {
            tracing::debug!(%error, "the key that is in use now is also where the next one will be");
        }
        Ok(identity)
    }
}
