//! Server verification for enrolment: the site knows one thing, the hash of the CA's public key.
//!
//! Called by rustls during the handshake of `tls::join_client`.
//! Invariant: the CA certificate comes from the untrusted peer, but its key must hash to the pin;
//! everything after that is ordinary webpki verification with that key as the only root, of the
//! fixed coordinator name. Signatures of the handshake are checked by webpki too.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{lineage, pin::SpkiPin, profile};

/// Trusts the authority with this key hash.
#[derive(Debug)]
pub(super) struct PinnedAuthority {
    pin: SpkiPin,
    /// An authority that what is shown must lead to as well.
    known_der: Option<Vec<u8>>,
    provider: Arc<CryptoProvider>,
}

impl PinnedAuthority {
    pub(super) fn new(pin: SpkiPin, known_der: Option<&[u8]>, provider: Arc<CryptoProvider>) -> Self {
        Self { pin, known_der: known_der.map(<[u8]>::to_vec), provider }
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = intermediates
            .iter()
            .find(|der| SpkiPin::of_certificate(der) == Ok(self.pin))
            .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let name = ServerName::try_from(profile::COORDINATOR_NAME)
            .map_err(|_| Error::General("the coordinator's name is not a DNS name".to_owned()))?;
        if let Some(known_der) = &self.known_der {
            let chain: Vec<CertificateDer<'_>> =
                std::iter::once(end_entity).chain(intermediates).cloned().collect();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
            lineage::successor_in(&chain, known_der, at)
                .map_err(|_| Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        }
        // No intermediates: the consortium's CA signs the coordinator directly.
        verifier.verify_server_cert(end_entity, &[], &name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, self.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, self.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}
