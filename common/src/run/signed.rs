//! A manifest with the coordinator's signature, and that of the operator who launched the run from afar: the
//! file that a site fetches, stores and agrees to. Used by the coordinator (writes it), by the operator's
//! command line (signs it), by the site's gateway (verifies it) and by its worker (reads it).
//!
//! Invariant: of one manifest and its signatures there is one file, so that its digest names them all.

use data_encoding::HEXLOWER;

use super::error::RunError;
use super::manifest::RunManifest;
use crate::limits::{CERTIFICATE_BYTES_MAX, LAUNCH_SIGNATURE_BYTES_MAX};

/// How the signed bytes of every manifest begin, so that a signature over one passes for nothing else.
const CONTEXT: &[u8] = b"consilium manifest v2\0";
/// The same of what an operator signs.
const LAUNCH_CONTEXT: &[u8] = b"consilium launch v1\0";

/// A manifest and the Ed25519 signature of the coordinator's key over its statement.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedManifest {
    /// The terms.
    pub manifest: RunManifest,
    /// Over [`RunManifest::statement`].
    pub signature: [u8; 64],
    /// Whose hand launched it, where it was launched from afar; none on the coordinator's own machine, where
    /// nobody has a certificate.
    pub launched_by: Option<LaunchSignature>,
}

/// The signature of an operator, and the certificate that it verifies with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchSignature {
    /// In DER.
    pub certificate_der: Vec<u8>,
    /// ECDSA P-256 with SHA-256 over [`RunManifest::launch_statement`], in DER.
    pub signature: Vec<u8>,
}

impl RunManifest {
    /// What the coordinator signs: a context and the manifest's canonical bytes.
    ///
    /// # Errors
    /// [`RunError::Syntax`] when a number cannot be written as JSON.
    pub fn statement(&self) -> Result<Vec<u8>, RunError> {
        Ok([CONTEXT, &self.to_bytes()?].concat())
    }

    /// What the operator signs who launches the run: another context, and the same bytes.
    ///
    /// # Errors
    /// As [`Self::statement`].
    pub fn launch_statement(&self) -> Result<Vec<u8>, RunError> {
        Ok([LAUNCH_CONTEXT, &self.to_bytes()?].concat())
    }
}

impl LaunchSignature {
    /// Its two lines: certificate and signature in lower-case hexadecimal digits.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n", HEXLOWER.encode(&self.certificate_der), HEXLOWER.encode(&self.signature))
    }

    /// What [`Self::to_text`] wrote, if it is not too long. Whether it holds, who has the authority asks.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let bytes = |digits: &[u8], most: usize| {
            let fits = !digits.is_empty() && digits.len() <= 2 * most;
            HEXLOWER.decode(digits).ok().filter(|_| fits)
        };
        let mut lines = text.split(|byte| *byte == b'\n');
        let certificate_der = bytes(lines.next()?, CERTIFICATE_BYTES_MAX)?;
        let signature = bytes(lines.next()?, LAUNCH_SIGNATURE_BYTES_MAX)?;
        (lines.next() == Some(b"") && lines.next().is_none()).then_some(Self { certificate_der, signature })
    }
}

impl SignedManifest {
    /// The file: the manifest's JSON in one line, and the signature in 128 hexadecimal digits in another;
    /// where an operator signed, their certificate and signature in two more.
    ///
    /// # Errors
    /// [`RunError::Syntax`] when a number cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RunError> {
        let mut bytes = self.manifest.to_bytes()?;
        bytes.extend_from_slice(format!("\n{}\n", signature_to_digits(&self.signature)).as_bytes());
        if let Some(launched_by) = &self.launched_by {
            bytes.extend_from_slice(launched_by.to_text().as_bytes());
        }
        Ok(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote, byte for byte. Whether the signatures hold, who has the keys
    /// asks.
    ///
    /// # Errors
    /// [`RunError::Syntax`] for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RunError> {
        let refuse = || {
            RunError::Syntax(
                "it is not a manifest and a signature, or two signatures, a line each".to_owned(),
            )
        };
        let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
        let (Some(manifest), Some(digits)) = (lines.next(), lines.next()) else { return Err(refuse()) };
        let launched_by = match lines.next() {
            None | Some(b"") => None,
            Some(more) => Some(LaunchSignature::from_text(more).ok_or_else(refuse)?),
        };
        let found = Self {
            manifest: RunManifest::from_bytes(manifest)?,
            signature: signature_from_digits(digits).ok_or_else(refuse)?,
            launched_by,
        };
        // Other spaces, another order of fields, capital digits, more lines: all of that ends here.
        if found.to_bytes()? == bytes { Ok(found) } else { Err(refuse()) }
    }
}

/// A signature in 128 lower-case hexadecimal digits.
pub fn signature_to_digits(signature: &[u8; 64]) -> String {
    HEXLOWER.encode(signature)
}

/// The 64 bytes that these 128 lower-case hexadecimal digits write.
pub fn signature_from_digits(digits: &[u8]) -> Option<[u8; 64]> {
    HEXLOWER.decode(digits).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::manifest::tests::manifest;
    use super::*;

    #[test]
    fn there_is_one_file_of_a_manifest_and_a_signature() {
        let signed = SignedManifest { manifest: manifest(), signature: [0xab; 64], launched_by: None };
        let bytes = signed.to_bytes().unwrap();
        assert_eq!(SignedManifest::from_bytes(&bytes), Ok(signed));
        let text = String::from_utf8(bytes).unwrap();
        let line = text.lines().next().unwrap();
        for other in [
            String::new(),
            line.to_owned(),
            format!("{text}\n"),
            text.replace("abab", "ABAB"),
            text.replace(r#""rounds":3"#, r#""rounds": 3"#),
            text.replace(r#""rounds":3"#, r#""rounds":3,"more":1"#),
            text.replace("\nab", "\n+b"),
            text.replace("ab\n", "\n"),
            format!("{line}\n{}\n", "é".repeat(64)),
        ] {
            assert!(SignedManifest::from_bytes(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn an_operators_certificate_and_signature_are_two_lines_more_and_bounded() {
        let mut signed = SignedManifest { manifest: manifest(), signature: [0xab; 64], launched_by: None };
        let alone = signed.to_bytes().unwrap();
        signed.launched_by =
            Some(LaunchSignature { certificate_der: vec![0x30, 0xcd], signature: vec![0x30, 0xef] });
        let bytes = signed.to_bytes().unwrap();
        assert_eq!(bytes, [alone.as_slice(), b"30cd\n30ef\n"].concat());
        assert_eq!(SignedManifest::from_bytes(&bytes), Ok(signed));
        let alone = String::from_utf8(alone).unwrap();
        let digits = |bytes: usize| "30".repeat(bytes);
        let longest =
            |certificate, signature| format!("{alone}{}\n{}\n", digits(certificate), digits(signature));
        let (certificate, signature) = (CERTIFICATE_BYTES_MAX, LAUNCH_SIGNATURE_BYTES_MAX);
        assert!(SignedManifest::from_bytes(longest(certificate, signature).as_bytes()).is_ok());
        for other in [
            format!("{alone}30cd\n"),
            format!("{alone}30cd\n30ef"),
            format!("{alone}30cd\n\n"),
            format!("{alone}\n30ef\n"),
            format!("{alone}\n\n"),
            format!("{alone}30cd\n30EF\n"),
            format!("{alone}30c\n30ef\n"),
            format!("{alone}30cd\n30ef\n30ef\n"),
            longest(certificate + 1, signature),
            longest(certificate, signature + 1),
        ] {
            assert!(SignedManifest::from_bytes(other.as_bytes()).is_err(), "{}", &other[alone.len()..]);
        }
    }

    #[test]
    fn what_is_signed_begins_with_its_context() {
        assert!(
            manifest().statement().unwrap().starts_with(b"consilium manifest v2\0{\"protocol\":2,\"run\":")
        );
        assert!(
            manifest()
                .launch_statement()
                .unwrap()
                .starts_with(b"consilium launch v1\0{\"protocol\":2,\"run\":")
        );
    }
}
