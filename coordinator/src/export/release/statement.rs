//! What an operator signs of a release: the model, and the SHA-256 of what the program knows, of what was
//! measured and of what people wrote. Used by `draft` (keeps signatures), `assess` and `verify`. Invariants:
//! of a statement there is one spelling; a byte that changes in one of the three files voids the signature.

use certs::release::{RELEASE_CONTEXT, signed_by};
use certs::{TlsIdentity, tls};
use common::clock::Timestamp;
use common::id::{Digest, RunId};
use common::run::LaunchSignature;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The run.
    pub run: RunId,
    /// The adapter.
    pub adapter: Digest,
    /// SHA-256 of `facts.json`.
    pub facts: Digest,
    /// SHA-256 of `evaluation.json`.
    pub evaluation: Digest,
    /// SHA-256 of `fields.toml`.
    pub fields: Digest,
    /// When, by the clock of who signed, in milliseconds since 1970 (UTC).
    pub signed_ms: u64,
}

/// A statement with its signature and the certificate that it verifies with: three lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// What was signed.
    pub statement: Statement,
    signed: LaunchSignature,
}

/// Who signed, as far as the signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The operator's name in the certificate.
    pub name: String,
    /// The certificate, in DER.
    pub certificate_der: Vec<u8>,
    /// When, by the signer's clock.
    pub at: Timestamp,
}

impl Statement {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok([RELEASE_CONTEXT, &json].concat())
    }

    /// Whether it is about the same files as another one.
    #[must_use]
    pub fn is_about(&self, other: &Self) -> bool {
        *self == Self { signed_ms: self.signed_ms, ..other.clone() }
    }
}

impl Signature {
    /// Signs with the key of a person's certificate.
    ///
    /// # Errors
    /// It is of another kind than ours.
    pub fn make(statement: Statement, identity: &TlsIdentity) -> Result<Self> {
        let signature = identity.sign_release(&statement.to_bytes()?)?;
        let certificate_der = identity.certificate_der().to_vec();
        Ok(Self { statement, signed: LaunchSignature { certificate_der, signature } })
    }

    /// The file: the statement as JSON, certificate and signature in hexadecimal digits.
    ///
    /// # Errors
    /// It cannot be put into JSON, which is our fault.
    pub fn to_text(&self) -> Result<String> {
        let json = serde_json::to_string(&self.statement);
        let json = json.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(format!("{json}\n{}", self.signed.to_text()))
    }

    /// Reads what [`Self::to_text`] wrote, byte for byte; nothing of it is believed yet.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (json, rest) = text.split_once('\n')?;
        let signed = LaunchSignature::from_text(rest.as_bytes())?;
        let found = Self { statement: serde_json::from_str(json).ok()?, signed };
        (found.to_text().ok()? == text).then_some(found)
    }

    /// Who signed, if the signature holds and this authority vouches for the certificate at `at`.
    ///
    /// # Errors
    /// In a sentence, why it does not count.
    pub fn signer(&self, authority_der: &[u8], at: Timestamp) -> std::result::Result<Signer, &'static str> {
        let LaunchSignature { certificate_der, signature } = &self.signed;
        let statement = self.statement.to_bytes().map_err(|_| "the statement cannot be written")?;
        let peer = signed_by(certificate_der, &statement, signature)
            .map_err(|_| "the signature is not that of an operator's certificate")?;
        if !tls::vouches(authority_der, certificate_der, at.into()).unwrap_or(false) {
            return Err("the consortium's authority does not vouch for the certificate, or it has ended");
        }
        let (_, name) = peer.member().map_err(|_| "the certificate names nobody")?;
        let at = Timestamp(self.statement.signed_ms);
        Ok(Signer { name: name.to_owned(), certificate_der: certificate_der.clone(), at })
    }
}
