//! Two signatures of a release: that of an operator over what people wrote and what was measured, and that of
//! the consortium over the finished folder.
//!
//! Called by `coordinator release` (signs) and `coordinator verify-release` (verifies, years later, with the
//! consortium's public key alone). Invariants: an operator's statement begins with a context of its own, so
//! that no launch is taken for it; the consortium's note begins with a name that no ledger and no log has,
//! and its second line is no number, so that it is no head.

use crate::error::CertError;
use crate::launch::operator_of;
use crate::note::{Note, VerifierKey};
use crate::peer::PeerCertificate;
use crate::pin::SpkiPin;
use crate::receipt::{ReceiptPublicKey, ReceiptSigningKey};
use crate::tls::TlsIdentity;

/// How an operator's statement begins.
pub const RELEASE_CONTEXT: &[u8] = b"consilium release v1\0";
/// The second line of the consortium's note.
const HEADING: &str = "consilium release v1";

impl TlsIdentity {
    /// The signature of this certificate's key over `statement` (ECDSA P-256 with SHA-256, in DER).
    ///
    /// # Errors
    /// [`CertError::Signing`] for a statement that does not begin with [`RELEASE_CONTEXT`], or a key of
    /// another kind.
    pub fn sign_release(&self, statement: &[u8]) -> Result<Vec<u8>, CertError> {
        self.sign_in(RELEASE_CONTEXT, statement)
    }
}

/// Who signed: the operator whose certificate this is. Whether the consortium vouches for the certificate,
/// [`crate::tls::vouches`] says.
///
/// # Errors
/// [`CertError::ReleaseSignature`] for a certificate that is no operator's, and for a signature that is not
/// its key's over `statement`.
pub fn signed_by(
    certificate_der: &[u8],
    statement: &[u8],
    signature: &[u8],
) -> Result<PeerCertificate, CertError> {
    let signed = statement.starts_with(RELEASE_CONTEXT).then_some(statement);
    signed
        .and_then(|statement| operator_of(certificate_der, statement, signature))
        .ok_or(CertError::ReleaseSignature)
}

/// The consortium's note over a release: C2SP signed-note, Ed25519 with the receipt key. `lines` go below the
/// name and the heading, each without its newline.
///
/// # Errors
/// [`CertError::ReceiptKey`], [`CertError::LedgerKey`]: the key does not do what it should;
/// [`CertError::Signing`] for a line that would end the text.
pub fn seal(key: &ReceiptSigningKey, lines: &[String]) -> Result<Vec<u8>, CertError> {
    if lines.iter().any(|line| line.is_empty() || line.contains('\n')) {
        return Err(CertError::Signing("a line of a release is empty or two".to_owned()));
    }
    let name = name(&key.public_key()?);
    let text = format!("{name}\n{HEADING}\n{}\n", lines.join("\n"));
    Ok(key.ledger_key()?.sign(&name, &text)?.into_bytes())
}

/// The lines that [`seal`] was given, if this key signed them.
///
/// # Errors
/// [`CertError::Note`] for what is no note, [`CertError::NoteSignature`] for one that this key did not sign,
/// or not as a release.
pub fn unseal(note: &[u8], key: &ReceiptPublicKey) -> Result<Vec<String>, CertError> {
    let name = name(key);
    let note = Note::parse(note)?;
    let text = note.verify(&VerifierKey::new(&name, *key.as_bytes())?)?;
    let mut lines = text.lines();
    if lines.next() != Some(name.as_str()) || lines.next() != Some(HEADING) {
        return Err(CertError::NoteSignature);
    }
    Ok(lines.map(str::to_owned).collect())
}

/// The key's name in notes over releases: `consilium/`, 16 digits of the SHA-256 of the key, `/release`.
fn name(key: &ReceiptPublicKey) -> String {
    let digits = data_encoding::HEXLOWER.encode(SpkiPin::of_spki(key.as_bytes()).as_bytes());
    format!("consilium/{}/release", digits.get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::{CertificateAuthority, IdentityKey, RequestedKey, Role, SerialNumber, csr, role::Member};

    fn holder(role: Role) -> TlsIdentity {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let authority =
            CertificateAuthority::create("heart", &SerialNumber::from_bytes([1; 16]), now).unwrap();
        let key = IdentityKey::generate().unwrap();
        let asked = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
        let (serial, life) = (SerialNumber::from_bytes([2; 16]), Duration::from_secs(86_400));
        let member = Member { role, name: "anna" };
        let issued = authority.issue_member(member, &asked, &serial, now, life).unwrap();
        TlsIdentity::new(&issued.der, &key).unwrap()
    }

    #[test]
    fn an_operator_signs_a_release_and_a_launch_is_none() {
        let (anna, statement) = (holder(Role::Operator), [RELEASE_CONTEXT, b"{}"].concat());
        let signature = anna.sign_release(&statement).unwrap();
        let found = signed_by(anna.certificate_der(), &statement, &signature).unwrap();
        assert_eq!(found.member().unwrap(), (Role::Operator, "anna"));
        let refused = Err(CertError::ReleaseSignature);
        assert_eq!(
            signed_by(anna.certificate_der(), &[RELEASE_CONTEXT, b"[]"].concat(), &signature),
            refused
        );
        assert_eq!(signed_by(holder(Role::Operator).certificate_der(), &statement, &signature), refused);
        let launch = [crate::launch::LAUNCH_CONTEXT, b"{}"].concat();
        let of_launch = anna.sign_launch(&launch).unwrap();
        assert_eq!(signed_by(anna.certificate_der(), &launch, &of_launch), refused);
        assert!(anna.sign_release(&launch).is_err() && anna.sign_launch(&statement).is_err());
        let auditor = holder(Role::Auditor);
        let signature = auditor.sign_release(&statement).unwrap();
        assert_eq!(signed_by(auditor.certificate_der(), &statement, &signature), refused);
    }

    #[test]
    fn a_note_over_a_release_is_of_its_key_and_no_head_of_a_log() {
        let key = ReceiptSigningKey::generate().unwrap();
        let public = key.public_key().unwrap();
        let lines = ["0123456789012345".to_owned(), "ab".to_owned()];
        let note = seal(&key, &lines).unwrap();
        assert_eq!(unseal(&note, &public).unwrap(), lines);
        let other = ReceiptSigningKey::generate().unwrap().public_key().unwrap();
        assert_eq!(unseal(&note, &other), Err(CertError::NoteSignature));
        let changed = String::from_utf8(note).unwrap().replace("\nab\n", "\nac\n");
        assert_eq!(unseal(changed.as_bytes(), &public), Err(CertError::NoteSignature));
        // A head of the coordinator's log, signed with the same key.
        let log = format!("{}/coordinator/acts", name(&public).trim_end_matches("/release"));
        let head = key.ledger_key().unwrap().sign(&log, &format!("{log}\n3\nAAAA\n")).unwrap();
        assert_eq!(unseal(head.as_bytes(), &public), Err(CertError::NoteSignature));
        for bad in [&[String::new()][..], &["a\nb".to_owned()]] {
            assert!(seal(&key, bad).is_err());
        }
    }
}
