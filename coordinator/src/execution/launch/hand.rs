//! The way to the operator who launches from another machine: what is to be signed goes there, their
//! signature comes back. Used by `manifest`, which asks, and by `admin::server`, which knows the line.
//! Invariant: what comes back verifies with the very certificate that the command came with.

use certs::{launch, lineage};
use common::id::Digest;
use common::run::{LaunchSignature, RunManifest};
use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, Result};

/// An operator at the other end of a line.
#[derive(Debug, Clone)]
pub struct Hand {
    /// SHA-256 of the certificate that their command came with.
    certificate: Digest,
    asks: mpsc::Sender<ToSign>,
}

/// What the operator is to sign, and where the answer goes.
#[derive(Debug)]
pub struct ToSign {
    /// The manifest's canonical bytes.
    pub manifest: String,
    /// The coordinator's signature over its statement.
    pub signature: [u8; 64],
    /// Where the operator's goes.
    pub reply: oneshot::Sender<Result<LaunchSignature>>,
}

impl Hand {
    /// Of the operator with this certificate; what they are asked comes out of the other half.
    #[must_use]
    pub fn of(certificate: Digest) -> (Self, mpsc::Receiver<ToSign>) {
        let (asks, asked) = mpsc::channel(1);
        (Self { certificate, asks }, asked)
    }

    /// SHA-256 of the certificate that their command came with.
    pub(super) fn certificate(&self) -> Digest {
        self.certificate
    }

    /// Their signature under these terms.
    ///
    /// # Errors
    /// They are gone, sign nothing in time, send what is no signature of theirs, or have a certificate of
    /// another authority than this one.
    pub(super) async fn sign(
        &self,
        manifest: &RunManifest,
        signature: [u8; 64],
        authority_der: &[u8],
    ) -> Result<LaunchSignature> {
        let internal = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
        let statement = manifest.launch_statement().map_err(|error| internal(&error))?;
        let bytes = manifest.to_bytes().map_err(|error| internal(&error))?;
        let manifest = String::from_utf8(bytes).map_err(|error| internal(&error))?;
        let (reply, signed) = oneshot::channel();
        let gone = || Error::NotSigned("whoever launched it is gone".to_owned());
        self.asks.send(ToSign { manifest, signature, reply }).await.map_err(|_| gone())?;
        let signed = signed.await.map_err(|_| gone())??;
        if Digest::of(&signed.certificate_der) != self.certificate {
            return Err(Error::NotSigned("the certificate is not the one that the command came with".into()));
        }
        let found = launch::signed_by(&signed.certificate_der, &statement, &signed.signature)
            .map_err(|error| Error::NotSigned(error.to_string()))?;
        if found.authority != lineage::key_identifier(authority_der)? {
            return Err(Error::OfEarlierAuthority);
        }
        Ok(signed)
    }
}

#[cfg(test)]
mod tests {
    use common::run::SignedManifest;

    use super::*;
    use crate::admin::signing::tests::{authority, holder, manifest};

    /// What comes of this answer of the operator with this certificate, where this authority is the present
    /// one.
    async fn answered(
        answer: Option<LaunchSignature>,
        certificate: Digest,
        authority_der: &[u8],
    ) -> Result<LaunchSignature> {
        let (hand, mut asked) = Hand::of(certificate);
        let authority_der = authority_der.to_vec();
        let work = tokio::spawn(async move { hand.sign(&manifest(), [7; 64], &authority_der).await });
        let ask = asked.recv().await.unwrap();
        let signed = SignedManifest { manifest: manifest(), signature: ask.signature, launched_by: None };
        assert!(String::from_utf8(signed.to_bytes().unwrap()).unwrap().starts_with(&ask.manifest));
        match answer {
            Some(answer) => ask.reply.send(Ok(answer)).unwrap(),
            None => drop(ask),
        }
        work.await.unwrap()
    }

    #[tokio::test]
    async fn only_the_signature_of_who_asked_is_taken() {
        let ours = authority();
        let (anna, otto) = (holder(&ours), holder(&ours));
        let sign = |identity: &certs::TlsIdentity| LaunchSignature {
            certificate_der: identity.certificate_der().to_vec(),
            signature: identity.sign_launch(&manifest().launch_statement().unwrap()).unwrap(),
        };
        let hers = Digest::of(anna.certificate_der());
        let sent = sign(&anna);
        let der = ours.certificate_der();
        assert_eq!(answered(Some(sent.clone()), hers, der).await.unwrap(), sent);
        // Sites that went over to the next authority would not take it.
        let later = answered(Some(sent), hers, authority().certificate_der()).await.unwrap_err();
        assert!(matches!(later, Error::OfEarlierAuthority) && later.is_user_error(), "{later}");
        let forged = LaunchSignature { signature: sign(&otto).signature, ..sign(&anna) };
        for bad in [Some(sign(&otto)), Some(forged), None] {
            let error = answered(bad, hers, der).await.unwrap_err();
            assert!(matches!(error, Error::NotSigned(_)) && error.is_user_error(), "{error}");
        }
    }
}
