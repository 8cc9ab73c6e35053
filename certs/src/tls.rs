//! rustls configurations for run traffic and for enrolment, on both sides.
//!
//! Called by the binaries; `common::net` takes the results as they are.
//! Invariants: TLS 1.3 only; aws-lc-rs explicitly; X25519MLKEM768 first; no tickets, no resumption
//! (a resumed session would skip the client certificate check), no early data; ALPN always set.
//! Run traffic requires a client certificate; enrolment has none and pins the CA's key instead.

mod pinned;

use std::{sync::Arc, time::SystemTime};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    sign::{CertifiedKey, SigningKey, SingleCertAndKey},
    version::TLS13,
};

use crate::{
    error::CertError, key::IdentityKey, lineage::Lineage, peer::PeerCertificate, pin::SpkiPin,
    provider::provider, role::Role,
};

/// ALPN of run traffic.
pub const ALPN_RUN: &[u8] = b"consilium/1";
/// The same run traffic, with a coordinator that handles the requests of one connection that move files in
/// the order of their streams: only then a site has several on their way. A coordinator or a site of before
/// does not know it, and both go on with [`ALPN_RUN`].
pub const ALPN_RUN_IN_TURN: &[u8] = b"consilium/1.1";
/// ALPN of operators and auditors who command from afar, at the same address as run traffic.
pub const ALPN_ADMIN: &[u8] = b"consilium-admin/1";
/// ALPN of enrolment.
pub const ALPN_JOIN: &[u8] = b"consilium-join/1";

/// A certificate and its private key, which the crypto provider holds and wipes.
#[derive(Debug)]
pub struct TlsIdentity {
    certificate: CertificateDer<'static>,
    key: Arc<dyn SigningKey>,
}

impl TlsIdentity {
    /// SHA-256 of the public key, as certificates and rosters name it.
    ///
    /// # Errors
    /// [`CertError::Certificate`] when the certificate cannot be read.
    pub fn pin(&self) -> Result<SpkiPin, CertError> {
        SpkiPin::of_certificate(&self.certificate)
    }

    /// From a certificate in DER and its key; refuses a pair that does not belong together.
    ///
    /// # Errors
    /// [`CertError::Certificate`] for bytes that are not a certificate, [`CertError::KeyMismatch`] when the
    /// two do not belong together, [`CertError::Tls`] for a key that rustls does not sign with.
    pub fn new(certificate_der: &[u8], key: &IdentityKey) -> Result<Self, CertError> {
        if SpkiPin::of_certificate(certificate_der)? != key.pin() {
            return Err(CertError::KeyMismatch);
        }
        let certificate = CertificateDer::from(certificate_der.to_vec());
        Ok(Self { certificate, key: key.to_rustls()? })
    }

    /// From PEM files.
    ///
    /// # Errors
    /// [`CertError::Pem`] or [`CertError::Certificate`] for a text that is not a certificate,
    /// [`CertError::Key`] for another kind of key, [`CertError::KeyMismatch`] when the two do not belong
    /// together.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, CertError> {
        Self::new(&certificate_from_pem(certificate_pem)?, &IdentityKey::from_pem(key_pem)?)
    }

    /// What is shown in a handshake: the certificate, and `more` behind it.
    fn shown(&self, more: impl IntoIterator<Item = CertificateDer<'static>>) -> Arc<SingleCertAndKey> {
        let chain = std::iter::once(self.certificate.clone()).chain(more).collect();
        Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, Arc::clone(&self.key))))
    }

    /// What a handshake is signed with.
    pub(crate) fn signing_key(&self) -> &dyn SigningKey {
        self.key.as_ref()
    }

    /// The certificate in DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The facts of the certificate.
    ///
    /// # Errors
    /// [`CertError::Certificate`] for a certificate that our CA would not have issued.
    pub fn peer(&self) -> Result<PeerCertificate, CertError> {
        PeerCertificate::from_der(&self.certificate)
    }
}

/// The DER of the first certificate in a PEM text.
///
/// # Errors
/// [`CertError::Pem`] when the text holds no certificate.
pub fn certificate_from_pem(pem: &str) -> Result<Vec<u8>, CertError> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map(|der| der.to_vec())
        .map_err(|_| CertError::Pem { what: "certificate" })
}

/// The DER of every certificate in a PEM text, in its order.
///
/// # Errors
/// [`CertError::Pem`] when the text holds none, or a block that cannot be read.
pub fn certificates_from_pem(pem: &str) -> Result<Vec<Vec<u8>>, CertError> {
    let ders: Result<Vec<Vec<u8>>, _> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).map(|der| der.map(|der| der.to_vec())).collect();
    ders.ok().filter(|ders| !ders.is_empty()).ok_or(CertError::Pem { what: "certificate" })
}

/// The PEM of a certificate in DER.
pub fn certificate_to_pem(der: &[u8]) -> String {
    let body = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The coordinator's side of run traffic and of what operators ask from afar: only clients with a certificate
/// of an authority that is taken get in, and the protocol says what they came for. Shows the bridges, for
/// those who know an earlier authority.
///
/// # Errors
/// [`CertError::Certificate`] when an authority cannot be a root, [`CertError::Tls`] when rustls refuses the
/// configuration.
pub fn run_server(identity: &TlsIdentity, lineage: &Lineage) -> Result<ServerConfig, CertError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(lineage.taken())?, provider())
        .build()
        .map_err(|error| CertError::Tls(error.to_string()))?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(tls)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity.shown(lineage.bridges()));
    let mut config = without_resumption(config, ALPN_RUN_IN_TURN);
    config.alpn_protocols.extend([ALPN_RUN.to_vec(), ALPN_ADMIN.to_vec()]);
    Ok(config)
}

/// An operator's or auditor's side: as a site's, with their own protocol.
///
/// # Errors
/// As [`run_client`].
pub fn admin_client(identity: &TlsIdentity, ca_der: &[u8]) -> Result<ClientConfig, CertError> {
    let mut config = run_client(identity, ca_der)?;
    config.alpn_protocols = vec![ALPN_ADMIN.to_vec()];
    Ok(config)
}

/// A site's side of run traffic.
///
/// # Errors
/// [`CertError::Certificate`] when `ca_der` cannot be a root, [`CertError::Tls`] when rustls refuses the
/// configuration.
pub fn run_client(identity: &TlsIdentity, ca_der: &[u8]) -> Result<ClientConfig, CertError> {
    run_client_with(provider(), identity, ca_der)
}

/// `run_client` with another choice of algorithms. For tests that prove what is negotiated.
///
/// # Errors
/// As `run_client`; also [`CertError::Tls`] for a provider without the algorithms of TLS 1.3.
pub fn run_client_with(
    provider: Arc<CryptoProvider>,
    identity: &TlsIdentity,
    ca_der: &[u8],
) -> Result<ClientConfig, CertError> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(tls)?
        .with_root_certificates(roots([ca_der])?)
        .with_client_cert_resolver(identity.shown([]));
    harden_client(&mut config, ALPN_RUN_IN_TURN);
    config.alpn_protocols.push(ALPN_RUN.to_vec());
    Ok(config)
}

/// The coordinator's side of enrolment. Sends the CA certificate along, so that a site that knows
/// only its pin can check the chain, and the bridges, for a site that enters again.
///
/// # Errors
/// [`CertError::Tls`] when rustls refuses the configuration.
pub fn join_server(identity: &TlsIdentity, lineage: &Lineage) -> Result<ServerConfig, CertError> {
    let authority = CertificateDer::from(lineage.current_der.clone());
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(tls)?
        .with_no_client_auth()
        .with_cert_resolver(identity.shown(std::iter::once(authority).chain(lineage.bridges())));
    Ok(without_resumption(config, ALPN_JOIN))
}

/// A site's side of enrolment: trusts whatever chain ends in the CA key of `pin`, and nothing else. A site
/// that enters again gives the authority that it knows, too: what is shown must lead to that one as well.
///
/// # Errors
/// [`CertError::Tls`] when rustls refuses the configuration.
pub fn join_client(pin: SpkiPin, known_der: Option<&[u8]>) -> Result<ClientConfig, CertError> {
    let provider = provider();
    let verifier = pinned::PinnedAuthority::new(pin, known_der, provider.clone());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    harden_client(&mut config, ALPN_JOIN);
    Ok(config)
}

/// Checks what enrolment returned before the site stores it: the CA is the pinned one, the
/// certificate is good for client authentication under it, names `site`, and carries our key.
///
/// # Errors
/// [`CertError::Enrolment`], with the reason, when one of these does not hold; [`CertError::Certificate`]
/// when one of the two cannot be read.
pub fn verify_enrolment(
    certificate_der: &[u8],
    ca_der: &[u8],
    pin: SpkiPin,
    site: &str,
    key: &IdentityKey,
    now: SystemTime,
) -> Result<PeerCertificate, CertError> {
    verify_member(certificate_der, ca_der, pin, (Role::Site, site), key, now)
}

/// As [`verify_enrolment`], for a member of any role.
///
/// # Errors
/// As [`verify_enrolment`].
pub fn verify_member(
    certificate_der: &[u8],
    ca_der: &[u8],
    pin: SpkiPin,
    member: (Role, &str),
    key: &IdentityKey,
    now: SystemTime,
) -> Result<PeerCertificate, CertError> {
    let refuse = |reason| CertError::Enrolment { reason };
    if SpkiPin::of_certificate(ca_der)? != pin {
        return Err(refuse("its CA is not the one the invitation pins"));
    }
    if !vouches(ca_der, certificate_der, now)? {
        let reason = "the certificate does not verify under the consortium's CA (is the clock right?)";
        return Err(refuse(reason));
    }
    let peer = PeerCertificate::from_der(certificate_der)?;
    if peer.key != key.pin() {
        return Err(refuse("the certificate carries another key than ours"));
    }
    if peer.member()? != member {
        return Err(refuse("the certificate names another member, or is of another role"));
    }
    Ok(peer)
}

/// Whether this authority signed a member's certificate, and it is valid at `now`.
///
/// # Errors
/// [`CertError::Certificate`] when the authority cannot be a root, [`CertError::Tls`] when rustls refuses it.
pub fn vouches(ca_der: &[u8], certificate_der: &[u8], now: SystemTime) -> Result<bool, CertError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots([ca_der])?, provider())
        .build()
        .map_err(|error| CertError::Tls(error.to_string()))?;
    let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    Ok(verifier.verify_client_cert(&CertificateDer::from(certificate_der), &[], now).is_ok())
}

fn roots<'a>(ca_ders: impl IntoIterator<Item = &'a [u8]>) -> Result<Arc<RootCertStore>, CertError> {
    let mut roots = RootCertStore::empty();
    for ca_der in ca_ders {
        roots.add(CertificateDer::from(ca_der)).map_err(|_| CertError::Certificate {
            what: "CA certificate",
            reason: "it cannot serve as trust anchor",
        })?;
    }
    Ok(Arc::new(roots))
}

fn without_resumption(mut config: ServerConfig, alpn: &[u8]) -> ServerConfig {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![alpn.to_vec()];
    config
}

fn harden_client(config: &mut ClientConfig, alpn: &[u8]) {
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.alpn_protocols = vec![alpn.to_vec()];
}

fn tls(error: rustls::Error) -> CertError {
    CertError::Tls(error.to_string())
}

#[cfg(test)]
mod tests;
