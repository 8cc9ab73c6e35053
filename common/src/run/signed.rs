//! A manifest with the coordinator's signature: the file that a site fetches, stores and agrees to. Used by
//! the coordinator (writes it), by the site's gateway (verifies it) and by its worker (reads it).
//!
//! Invariant: of one manifest and signature there is one file, so that its digest names both.

use data_encoding::HEXLOWER;

use super::error::RunError;
use super::manifest::RunManifest;

/// How the signed bytes of every manifest begin, so that a signature over one passes for nothing else.
const CONTEXT: &[u8] = b"consilium manifest v2\0";

/// A manifest and the Ed25519 signature of the coordinator's key over its statement.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedManifest {
    /// The terms.
    pub manifest: RunManifest,
    /// Over [`RunManifest::statement`].
    pub signature: [u8; 64],
}

impl RunManifest {
    /// What the coordinator signs: a context and the manifest's canonical bytes.
    ///
    /// # Errors
    /// [`RunError::Syntax`] when a number cannot be written as JSON.
    pub fn statement(&self) -> Result<Vec<u8>, RunError> {
        Ok([CONTEXT, &self.to_bytes()?].concat())
    }
}

impl SignedManifest {
    /// The file: the manifest's JSON in one line, and the signature in 128 hexadecimal digits in another.
    ///
    /// # Errors
    /// [`RunError::Syntax`] when a number cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RunError> {
        let mut bytes = self.manifest.to_bytes()?;
        bytes.extend_from_slice(format!("\n{}\n", signature_to_digits(&self.signature)).as_bytes());
        Ok(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote, byte for byte. Whether the signature holds, who has the key asks.
    ///
    /// # Errors
    /// [`RunError::Syntax`] for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RunError> {
        let refuse = || RunError::Syntax("it is not a manifest and a signature, a line each".to_owned());
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let (Some(manifest), Some(digits)) = (lines.next(), lines.next()) else { return Err(refuse()) };
        let found = Self {
            manifest: RunManifest::from_bytes(manifest)?,
            signature: signature_from_digits(digits).ok_or_else(refuse)?,
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
        let signed = SignedManifest { manifest: manifest(), signature: [0xab; 64] };
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
    fn what_is_signed_begins_with_its_context() {
        assert!(
            manifest().statement().unwrap().starts_with(b"consilium manifest v2\0{\"protocol\":2,\"run\":")
        );
    }
}
