//! The authorities of one consortium, one after the other, and the bridges between them.
//!
//! Called by the coordinator, which shows the bridges in each handshake (`tls`) and takes certificates of
//! earlier authorities for a while, and by the site, which finds in what it was shown the authority that
//! follows the one it knows. Invariants: the present authority comes first; a bridge is signed by the
//! predecessor beside it; whoever knows one of them can verify what a later one signed, and nobody who knows
//! a later one takes what an earlier one signed.

use std::{sync::Arc, time::SystemTime};

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate};

use crate::{error::CertError, limits::CHAIN_MAX, peer::PeerCertificate, profile, provider::provider};

/// An authority that was followed by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predecessor {
    /// Its certificate in DER.
    pub certificate_der: Vec<u8>,
    /// The certificate of the next authority that it signed, in DER.
    pub bridge_der: Vec<u8>,
    /// Whether certificates of sites that it signed are still taken.
    pub is_taken: bool,
}

/// The present authority and those before it, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The certificate of the present one in DER.
    pub current_der: Vec<u8>,
    /// Those before it.
    pub predecessors: Vec<Predecessor>,
}

impl Lineage {
    /// Of an authority that followed none.
    #[must_use]
    pub fn only(current_der: &[u8]) -> Self {
        Self { current_der: current_der.to_vec(), predecessors: Vec::new() }
    }

    /// What is shown behind the coordinator's certificate.
    pub(crate) fn bridges(&self) -> impl Iterator<Item = CertificateDer<'static>> {
        self.predecessors.iter().map(|one| CertificateDer::from(one.bridge_der.clone()))
    }

    /// Whose certificates count.
    pub(crate) fn taken(&self) -> impl Iterator<Item = &[u8]> {
        let earlier = self.predecessors.iter().filter(|one| one.is_taken);
        std::iter::once(self.current_der.as_slice()).chain(earlier.map(|one| one.certificate_der.as_slice()))
    }
}

/// The key identifier of an authority, which the certificates that it signs name.
///
/// # Errors
/// [`CertError::Certificate`] for bytes that are not the certificate of an authority.
pub fn key_identifier(authority_der: &[u8]) -> Result<Vec<u8>, CertError> {
    let refuse = |reason| CertError::Certificate { what: "CA certificate", reason };
    let (_, certificate) =
        X509Certificate::from_der(authority_der).map_err(|_| refuse("it is not X.509 in DER"))?;
    let found = certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(key) => Some(key.0.to_vec()),
        _ => None,
    });
    found.ok_or_else(|| refuse("it has no key identifier"))
}

/// The certificate of the authority that signed the coordinator's certificate in `chain`, if that is another
/// one than `known_der` and descends from it. `chain` is what the coordinator showed in a handshake; nothing
/// in it is believed before it verifies here.
///
/// # Errors
/// [`CertError::Lineage`] when the chain does not lead from the coordinator to `known_der` at `now`.
pub fn successor_in(
    chain: &[CertificateDer<'_>],
    known_der: &[u8],
    now: SystemTime,
) -> Result<Option<Vec<u8>>, CertError> {
    let [leaf, more @ ..] = chain else { return Err(CertError::Lineage) };
    if more.len() > CHAIN_MAX {
        return Err(CertError::Lineage);
    }
    if verifies(leaf, &[], known_der, now)? {
        return Ok(None);
    }
    if !verifies(leaf, more, known_der, now)? {
        return Err(CertError::Lineage);
    }
    let signer = PeerCertificate::from_der(leaf)?.authority;
    for candidate in more {
        // It signed the coordinator's certificate by itself, and the known authority vouches for it alone or
        // with the bridges between.
        if key_identifier(candidate) == Ok(signer.clone()) && verifies(leaf, &[], candidate, now)? {
            return Ok(Some(candidate.to_vec()));
        }
    }
    Err(CertError::Lineage)
}

/// Whether this is a certificate for the coordinator under this root, by way of these bridges.
fn verifies(
    leaf: &CertificateDer<'_>,
    bridges: &[CertificateDer<'_>],
    root_der: &[u8],
    now: SystemTime,
) -> Result<bool, CertError> {
    let mut roots = RootCertStore::empty();
    if roots.add(CertificateDer::from(root_der)).is_err() {
        return Ok(false);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| CertError::Tls(error.to_string()))?;
    let name = ServerName::try_from(profile::COORDINATOR_NAME).map_err(|_| CertError::Lineage)?;
    let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    Ok(verifier.verify_server_cert(leaf, bridges, &name, &[], now).is_ok())
}

#[cfg(test)]
mod tests;
