//! The signature of the operator who launched a run, by the key of their own certificate, beside the
//! coordinator's signature.
//!
//! Called by `coordinator --context` (signs), by `serve` (checks what it was sent) and by sites (verify, and
//! show whose it is). Invariants: what is signed begins with a context of its own, so that no handshake is
//! taken for it, nor it for one; only an operator's certificate verifies.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::SignatureScheme;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{error::CertError, peer::PeerCertificate, role::Role, tls::TlsIdentity};

/// How the signed bytes begin; `common::run` puts it before the manifest.
pub const LAUNCH_CONTEXT: &[u8] = b"consilium launch v1\0";

impl TlsIdentity {
    /// The signature of this certificate's key over `statement` (ECDSA P-256 with SHA-256, in DER).
    ///
    /// # Errors
    /// [`CertError::Signing`] for a statement that does not begin with [`LAUNCH_CONTEXT`], or a key of
    /// another kind.
    pub fn sign_launch(&self, statement: &[u8]) -> Result<Vec<u8>, CertError> {
        self.sign_in(LAUNCH_CONTEXT, statement)
    }

    /// The signature over a statement that begins with this context of ours.
    pub(crate) fn sign_in(&self, context: &[u8], statement: &[u8]) -> Result<Vec<u8>, CertError> {
        if !statement.starts_with(context) {
            return Err(CertError::Signing("the message is none that an operator signs".to_owned()));
        }
        let signer = self
            .signing_key()
            .choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256])
            .ok_or_else(|| CertError::Signing("the key is no ECDSA P-256 key".to_owned()))?;
        signer.sign(statement).map_err(|error| CertError::Signing(error.to_string()))
    }
}

/// Who signed: the operator whose certificate this is. Whether the consortium vouches for the certificate,
/// [`crate::tls::vouches`] says.
///
/// # Errors
/// [`CertError::LaunchSignature`] for a certificate that is no operator's, and for a signature that is not
/// its key's over `statement`.
pub fn signed_by(
    certificate_der: &[u8],
    statement: &[u8],
    signature: &[u8],
) -> Result<PeerCertificate, CertError> {
    let signed = statement.starts_with(LAUNCH_CONTEXT).then_some(statement);
    signed
        .and_then(|statement| operator_of(certificate_der, statement, signature))
        .ok_or(CertError::LaunchSignature)
}

/// The operator whose certificate this is, if its key made this signature over `statement`.
pub(crate) fn operator_of(
    certificate_der: &[u8],
    statement: &[u8],
    signature: &[u8],
) -> Option<PeerCertificate> {
    let peer = PeerCertificate::from_der(certificate_der).ok()?;
    let (_, certificate) = X509Certificate::from_der(certificate_der).ok()?;
    if !matches!(peer.member(), Ok((Role::Operator, _))) {
        return None;
    }
    let key = &certificate.tbs_certificate.subject_pki.subject_public_key.data;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(statement, signature).ok()?;
    Some(peer)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::{
        CertificateAuthority, IdentityKey, RequestedKey, SerialNumber, csr, role::Member, tls::vouches,
    };

    const STATEMENT: &[u8] = b"consilium launch v1\0{\"protocol\":2}";

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn authority() -> CertificateAuthority {
        CertificateAuthority::create("heart", &SerialNumber::from_bytes([1; 16]), now()).unwrap()
    }

    fn holder(authority: &CertificateAuthority, role: Role, name: &str) -> TlsIdentity {
        let key = IdentityKey::generate().unwrap();
        let asked = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
        let serial = SerialNumber::from_bytes([2; 16]);
        let life = Duration::from_secs(86_400);
        let issued = authority.issue_member(Member { role, name }, &asked, &serial, now(), life).unwrap();
        TlsIdentity::new(&issued.der, &key).unwrap()
    }

    #[test]
    fn an_operator_signs_a_launch_and_nobody_else_does() {
        let authority = authority();
        let (anna, otto) =
            (holder(&authority, Role::Operator, "anna"), holder(&authority, Role::Operator, "otto"));
        let signature = anna.sign_launch(STATEMENT).unwrap();
        let found = signed_by(anna.certificate_der(), STATEMENT, &signature).unwrap();
        assert_eq!((found.member().unwrap(), found.key), ((Role::Operator, "anna"), anna.pin().unwrap()));
        let other = [STATEMENT, b" "].concat();
        let mut flipped = signature.clone();
        flipped[9] ^= 1;
        for (certificate, statement, signature) in [
            (otto.certificate_der(), STATEMENT, signature.as_slice()),
            (anna.certificate_der(), other.as_slice(), signature.as_slice()),
            (anna.certificate_der(), STATEMENT, flipped.as_slice()),
            (anna.certificate_der(), STATEMENT, &signature[..8]),
            (anna.certificate_der(), STATEMENT, &[]),
            (b"no certificate".as_slice(), STATEMENT, signature.as_slice()),
        ] {
            assert_eq!(signed_by(certificate, statement, signature), Err(CertError::LaunchSignature));
        }
        for role in [Role::Site, Role::Auditor] {
            let holder = holder(&authority, role, "anna");
            let signature = holder.sign_launch(STATEMENT).unwrap();
            let refused = signed_by(holder.certificate_der(), STATEMENT, &signature);
            assert_eq!(refused, Err(CertError::LaunchSignature), "{role}");
        }
    }

    #[test]
    fn the_key_of_a_certificate_signs_launches_and_nothing_that_a_handshake_signs() {
        let anna = holder(&authority(), Role::Operator, "anna");
        // RFC 8446 4.4.3: what a handshake signs begins with 64 spaces.
        let handshake = [[b' '; 64].as_slice(), b"TLS 1.3, client CertificateVerify\0"].concat();
        for message in [handshake.as_slice(), b"", b"consilium manifest v2\0{}"] {
            assert!(anna.sign_launch(message).is_err());
            let signature = anna.sign_launch(STATEMENT).unwrap();
            assert!(signed_by(anna.certificate_der(), message, &signature).is_err());
        }
    }

    #[test]
    fn a_consortium_vouches_for_its_own_operators_while_their_certificates_last() {
        let (ours, theirs) = (authority(), authority());
        let anna = holder(&ours, Role::Operator, "anna");
        let at = |authority: &CertificateAuthority, when| {
            vouches(authority.certificate_der(), anna.certificate_der(), when).unwrap()
        };
        assert!(at(&ours, now()));
        assert!(!at(&theirs, now()), "another consortium of the same name");
        assert!(!at(&ours, now() + Duration::from_secs(2 * 86_400)), "it has ended");
        assert!(!at(&ours, now() - Duration::from_secs(86_400)), "it has not begun");
    }
}
