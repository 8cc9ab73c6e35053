//! The site's own signature under the heads of its ledger: where the key is, what the ledger is called, and
//! how a head that was signed earlier is read. Called by `join`, which makes the key, by the gateway, which
//! makes it for a site that joined before, and by `cli::ledger`, which signs and verifies.
//!
//! Invariants: the key is durable, in a file of mode 0600 that the worker cannot open, and is never replaced;
//! nothing of a file is believed before the key that was asked for verifies it.

use std::fs;
use std::path::Path;

use certs::{CertError, LedgerKey, Note, VerifierKey};
use cli::keys;
use common::durable;
use common::ledger::{Checkpoint, InclusionProof, Record, ledger_name};
use common::private::passphrase::Passphrase;
use common::private::read_file;
use common::wire::message::LedgerHead;
use zeroize::Zeroizing;

use super::identity::Papers;
use crate::error::SiteError;
use crate::limits::KEY_BYTES_MAX;

/// The key's file in the identity's folder.
pub const KEY_FILE: &str = "ledger.key";

/// Makes the key where there is none, sealed as the site's other key is. Returns whether it did.
///
/// # Errors
/// `Io`, with the file; `Internal` where there is no randomness; `Data` where there is no passphrase.
pub fn create_key(identity: &Path, sealing: Option<&Passphrase>) -> Result<bool, SiteError> {
    let path = identity.join(KEY_FILE);
    // Whatever is there is not overwritten, a link to nowhere included.
    match fs::symlink_metadata(&path) {
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(SiteError::io(&path, source)),
    }
    let internal = |error: CertError| SiteError::Internal(error.to_string());
    let text = LedgerKey::generate().and_then(|key| key.to_text()).map_err(internal)?;
    let text = match sealing {
        Some(passphrase) => keys::written(&path, &text, true, passphrase)?,
        None => text,
    };
    durable::write(&path, text.as_bytes(), durable::PRIVATE).map_err(SiteError::at(&path))?;
    Ok(true)
}

/// The key with the name of the ledger whose heads it signs.
#[derive(Debug)]
pub struct Signer {
    key: LedgerKey,
    name: String,
}

impl Signer {
    /// Reads the identity's folder; also of a site that has left.
    ///
    /// # Errors
    /// `Data` where there is no key yet; `Config` for a file that holds none; `Io`.
    pub fn load(identity: &Path, passphrase: &Passphrase) -> Result<Self, SiteError> {
        let Some(signer) = Self::find(identity, passphrase)? else {
            return Err(SiteError::data(
                "this site has no key for the heads of its ledger yet",
                "`site-agent run` makes it when it starts; a site that left before there was one has none",
            ));
        };
        Ok(signer)
    }

    /// The same; `None` where nothing has the file's name.
    ///
    /// # Errors
    /// `Config` for a file that holds no key, a link, or one that others may open; `Io`; `Data` for a sealed
    /// key that the passphrase does not open.
    pub fn find(identity: &Path, passphrase: &Passphrase) -> Result<Option<Self>, SiteError> {
        let path = identity.join(KEY_FILE);
        // A link to nowhere is something: no key would be made in its place.
        match fs::symlink_metadata(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SiteError::unreadable(&path, source)),
        }
        let wrong = |reason: String| SiteError::config(&path, reason);
        let bytes = read_file(&path, KEY_BYTES_MAX).map_err(|error| wrong(error.to_string()))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| wrong(error.to_string()))?;
        let text = keys::opened(&path, Zeroizing::new(text.to_owned()), passphrase)?;
        let key = LedgerKey::from_text(&text).map_err(|error| wrong(error.to_string()))?;
        Ok(Some(Self { key, name: name(identity)? }))
    }

    /// What an officer writes down.
    ///
    /// # Errors
    /// `Internal` where the crypto provider gives no public key.
    pub fn verifier(&self) -> Result<VerifierKey, SiteError> {
        self.key.verifier(&self.name).map_err(|error| SiteError::Internal(error.to_string()))
    }

    /// The signed note of a head.
    ///
    /// # Errors
    /// `Internal` where it cannot be signed.
    pub fn sign(&self, head: LedgerHead) -> Result<String, SiteError> {
        let text = Checkpoint { name: self.name.clone(), head }.to_string();
        self.key.sign(&self.name, &text).map_err(|error| SiteError::Internal(error.to_string()))
    }
}

/// What this site's ledger is called.
///
/// # Errors
/// `Io` or `Config`, with the file of the identity's.
pub fn name(identity: &Path) -> Result<String, SiteError> {
    let papers = Papers::load(identity)?;
    Ok(ledger_name(&papers.peer()?, &papers.coordinator.site))
}

/// The head in a checkpoint that this key signed.
///
/// # Errors
/// Why it is none, in words.
pub fn checkpoint(note: &[u8], key: &VerifierKey) -> Result<LedgerHead, String> {
    let note = Note::parse(note).map_err(|error| error.to_string())?;
    let text = note.verify(key).map_err(|error| error.to_string())?;
    let Checkpoint { name, head } = Checkpoint::parse(text).map_err(|error| error.to_string())?;
    if name == key.name() { Ok(head) } else { Err(format!("it is of another ledger, {name}")) }
}

/// The record that a proof proves, and the head under which this key signed it.
///
/// # Errors
/// Why it proves nothing, in words.
pub fn proof(file: &[u8], key: &VerifierKey) -> Result<(Record, LedgerHead), String> {
    let proof = InclusionProof::parse(file).map_err(|error| error.to_string())?;
    let head =
        checkpoint(proof.note.as_bytes(), key).map_err(|reason| format!("its checkpoint: {reason}"))?;
    let record = proof.holds(&head).map_err(|error| error.to_string())?;
    Ok((record, head))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use common::id::Digest;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(create_key(folder.path(), None).unwrap());
        let path = folder.path().join(KEY_FILE);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!create_key(folder.path(), None).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &path).unwrap();
        assert!(!create_key(folder.path(), None).unwrap(), "a link is not followed");
        assert!(!folder.path().join("nowhere").exists());
    }

    /// What is there and is no key is a fault, and not a key that is not made yet.
    #[test]
    fn a_damaged_key_is_told_from_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        assert!(Signer::find(folder.path(), &Passphrase::default()).unwrap().is_none());
        assert!(matches!(Signer::load(folder.path(), &Passphrase::default()), Err(SiteError::Data { .. })));
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &path).unwrap();
        assert!(
            matches!(Signer::load(folder.path(), &Passphrase::default()), Err(SiteError::Config { .. })),
            "a link to nowhere"
        );
        fs::remove_file(&path).unwrap();
        let long = "consilium-ledger-key ".repeat(1 << 10);
        for bad in ["", "consilium-ledger-key AAAA\n", &long] {
            durable::write(&path, bad.as_bytes(), durable::PRIVATE).unwrap();
            assert!(
                matches!(Signer::load(folder.path(), &Passphrase::default()), Err(SiteError::Config { .. })),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_checkpoint_counts_for_the_key_and_the_ledger_that_it_names() {
        let head = LedgerHead { size: 7, root: Digest([3; 32]) };
        let signer = |key: LedgerKey, name: &str| Signer { key, name: name.into() };
        let ours = signer(LedgerKey::generate().unwrap(), "consilium/00/a");
        let note = ours.sign(head).unwrap();
        let key = ours.verifier().unwrap();
        assert_eq!(checkpoint(note.as_bytes(), &key), Ok(head));
        let other = signer(LedgerKey::generate().unwrap(), "consilium/00/a").verifier().unwrap();
        assert!(checkpoint(note.as_bytes(), &other).unwrap_err().contains("no signature of this key"));
        let renamed = note.replace("consilium/00/a\n", "consilium/00/b\n");
        assert!(checkpoint(renamed.as_bytes(), &key).is_err());
        assert!(checkpoint(b"", &key).is_err() && proof(b"", &key).is_err());
    }
}
