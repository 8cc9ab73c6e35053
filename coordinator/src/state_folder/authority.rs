//! The consortium's authority on disk, and those before it. Used by `identity`, which loads it, by
//! `enrolment::keeper`, which has it followed by another, and by `cli::authority`, which shows it.
//!
//! ```text
//! ca/ca.crt.pem, ca/ca.key.pem      the present authority
//! ca/predecessors.json              those before it: certificate, bridge, until when they are taken
//! ca/next.crt.pem, ca/next.key.pem  the next one, while it is being taken into use
//! ```
//!
//! Invariants: `predecessors.json` decides: once it names the next authority's bridge the rest is done when
//! `serve` starts, whatever crashed, and before that nothing has changed; the key of an authority that was
//! followed is gone; a new key is sealed where any other is.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use certs::{CertificateAuthority, Lineage, Predecessor, SerialNumber, SpkiPin, lineage, random, tls};
use cli::keys::{self, KeyFile, Sealing};
use common::clock::Timestamp;
use common::durable;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::StateFolder;
use crate::error::{Error, Result};
use crate::limits::PREDECESSORS_BYTES_MAX;

const PREDECESSORS: &str = "predecessors.json";
const NEXT_CERTIFICATE: &str = "next.crt.pem";
const NEXT_KEY: &str = "next.key.pem";
const CERTIFICATE: &str = "ca.crt.pem";
const KEY: &str = "ca.key.pem";

/// An authority that was followed by another, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Its certificate.
    pub certificate_pem: String,
    /// The next authority's certificate that it signed.
    pub bridge_pem: String,
    /// When the next one followed, in milliseconds since 1970.
    pub followed_ms: u64,
    /// Until when certificates of sites that it signed are taken, in milliseconds since 1970.
    pub taken_until_ms: u64,
}

impl Before {
    /// SHA-256 of its key.
    ///
    /// # Errors
    /// What is remembered is no certificate.
    pub fn pin(&self) -> Result<SpkiPin> {
        Ok(SpkiPin::of_certificate(&tls::certificate_from_pem(&self.certificate_pem)?)?)
    }

    /// The identifier of its key, which the certificates that it signed name.
    ///
    /// # Errors
    /// What is remembered is no certificate of an authority.
    pub fn key_identifier(&self) -> Result<Vec<u8>> {
        Ok(lineage::key_identifier(&tls::certificate_from_pem(&self.certificate_pem)?)?)
    }

    /// Whether what it signed is taken at `now`.
    #[must_use]
    pub fn is_taken(&self, now: Timestamp) -> bool {
        now.0 < self.taken_until_ms
    }
}

/// Writes the first authority of a consortium.
///
/// # Errors
/// The files cannot be written.
pub(super) fn store(folder: &StateFolder, authority: &CertificateAuthority) -> Result<()> {
    let ca = folder.ca();
    write(&ca.join(CERTIFICATE), authority.certificate_pem().as_bytes(), durable::ORDINARY)?;
    write(&ca.join(KEY), authority.key_pem().as_bytes(), durable::PRIVATE)
}

/// The present authority, with its key.
///
/// # Errors
/// A file cannot be read, or certificate and key do not belong together.
pub fn load(folder: &StateFolder) -> Result<CertificateAuthority> {
    let ca = folder.ca();
    Ok(CertificateAuthority::load(&read(&ca.join(CERTIFICATE))?, &read_key(folder, KEY)?)?)
}

/// How many of the coordinator's keys are sealed by a passphrase.
#[must_use]
pub fn sealing(folder: &StateFolder) -> Sealing {
    Sealing::of(&key_files(folder))
}

/// The long-lived private keys that are there.
#[must_use]
pub fn key_files(folder: &StateFolder) -> Vec<KeyFile> {
    KeyFile::present(key_places(folder))
}

/// Where the long-lived private keys are, there or not.
#[must_use]
pub fn key_places(folder: &StateFolder) -> Vec<KeyFile> {
    let of = |name, what| KeyFile { path: folder.ca().join(name), what };
    vec![
        of("server.key.pem", "the coordinator's certificate"),
        of("receipt.key", "receipts, run manifests and the log of acts"),
        of(NEXT_KEY, "the next authority"),
        of(KEY, "the authority"),
    ]
}

/// A key of the folder `ca/`, opened where it is sealed.
pub(super) fn read_key(folder: &StateFolder, name: &str) -> Result<Zeroizing<String>> {
    let path = folder.ca().join(name);
    Ok(keys::opened(&path, read(&path)?, folder.passphrase())?)
}

/// Writes a key: sealed where any other is.
pub(super) fn write_key(folder: &StateFolder, name: &str, text: &str) -> Result<()> {
    let path = folder.ca().join(name);
    let text = keys::written(&path, text, sealing(folder).is_any(), folder.passphrase())?;
    write(&path, text.as_bytes(), durable::PRIVATE)
}

/// The pin of the present authority, without its key.
///
/// # Errors
/// The certificate cannot be read.
pub fn pin(folder: &StateFolder) -> Result<SpkiPin> {
    Ok(SpkiPin::of_certificate(&certificate_der(folder)?)?)
}

/// The certificate of the present authority.
///
/// # Errors
/// It cannot be read.
pub fn certificate_der(folder: &StateFolder) -> Result<Vec<u8>> {
    Ok(tls::certificate_from_pem(&read(&folder.ca().join(CERTIFICATE))?)?)
}

/// The certificate of the present authority.
///
/// # Errors
/// It cannot be read.
pub fn certificate_pem(folder: &StateFolder) -> Result<String> {
    Ok(read(&folder.ca().join(CERTIFICATE))?.to_string())
}

/// Those before the present one, the newest first.
///
/// # Errors
/// The file is there and cannot be read, or is not what we write.
pub fn predecessors(folder: &StateFolder) -> Result<Vec<Before>> {
    let path = folder.ca().join(PREDECESSORS);
    let damaged = |reason: String| Error::Config { path: path.clone(), reason };
    let text = match fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Ok(facts) if facts.len() > PREDECESSORS_BYTES_MAX => return Err(damaged("it is too long".into())),
        _ => read(&path)?,
    };
    serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))
}

/// What the endpoints show and take at `now`.
///
/// # Errors
/// As [`predecessors`].
pub fn lineage(folder: &StateFolder, current: &CertificateAuthority, now: Timestamp) -> Result<Lineage> {
    let of = |before: &Before| {
        Ok(Predecessor {
            certificate_der: tls::certificate_from_pem(&before.certificate_pem)?,
            bridge_der: tls::certificate_from_pem(&before.bridge_pem)?,
            is_taken: before.is_taken(now),
        })
    };
    let predecessors = predecessors(folder)?.iter().map(of).collect::<Result<_>>()?;
    Ok(Lineage { current_der: current.certificate_der().to_vec(), predecessors })
}

/// Has the present authority followed by a new one, which signs from now on. Certificates of the present one
/// are taken until `taken_until`. The caller holds the folder's lock, or is the one who keeps the keys.
///
/// # Errors
/// The present authority has ended, or one is still taken that would be forgotten; a file cannot be written.
pub fn roll(folder: &StateFolder, now: Timestamp, taken_until: Timestamp) -> Result<CertificateAuthority> {
    finish(folder)?;
    let current = load(folder)?;
    let mut before = predecessors(folder)?;
    if before.iter().skip(certs::limits::PREDECESSORS_MAX - 1).any(|one| one.is_taken(now)) {
        return Err(Error::Argument {
            message: format!(
                "{} earlier authorities are remembered, and the oldest is still taken",
                before.len()
            ),
            hint: "`coordinator authority show` says until when; `coordinator authority retire` ends that"
                .into(),
        });
    }
    before.truncate(certs::limits::PREDECESSORS_MAX - 1);
    let at = SystemTime::from(now);
    let next = current.successor(&random_serial()?, at)?;
    let bridge = current.bridge_to(&next, random_serial()?, at)?;
    before.insert(
        0,
        Before {
            certificate_pem: current.certificate_pem().to_owned(),
            bridge_pem: tls::certificate_to_pem(&bridge),
            followed_ms: now.0,
            taken_until_ms: taken_until.0,
        },
    );
    let ca = folder.ca();
    write_key(folder, NEXT_KEY, &next.key_pem())?;
    write(&ca.join(NEXT_CERTIFICATE), next.certificate_pem().as_bytes(), durable::ORDINARY)?;
    common::crash_point!("authority-next-stored");
    remember(folder, &before)?;
    common::crash_point!("authority-decided");
    finish(folder)?;
    let present = load(folder)?;
    if present.pin() == next.pin() {
        Ok(present)
    } else {
        Err(Error::Internal("the next authority was not taken into use".into()))
    }
}

/// When the next of them is taken no more.
///
/// # Errors
/// As [`predecessors`].
pub fn next_end(folder: &StateFolder, now: Timestamp) -> Result<Option<Timestamp>> {
    let taken = predecessors(folder)?.into_iter().filter(|one| one.is_taken(now));
    Ok(taken.map(|one| Timestamp(one.taken_until_ms)).min())
}

/// Takes no certificate of an earlier authority any more. Returns how many authorities that ended. The caller
/// holds the folder's lock, or is the one who keeps the keys.
///
/// # Errors
/// The file cannot be read or written.
pub fn retire(folder: &StateFolder, now: Timestamp) -> Result<usize> {
    finish(folder)?;
    let mut before = predecessors(folder)?;
    let mut ended = 0;
    for one in before.iter_mut().filter(|one| one.is_taken(now)) {
        one.taken_until_ms = now.0;
        ended += 1;
    }
    if ended > 0 {
        remember(folder, &before)?;
    }
    Ok(ended)
}

fn remember(folder: &StateFolder, before: &[Before]) -> Result<()> {
    let text = serde_json::to_vec_pretty(before).map_err(|error| Error::Internal(error.to_string()))?;
    write(&folder.ca().join(PREDECESSORS), &text, durable::ORDINARY)
}

/// Takes the next authority into use if `predecessors.json` says so, and forgets it otherwise. The caller
/// holds the folder's lock, or is the one who keeps the keys: beside a rollover it would forget what is being
/// made.
///
/// # Errors
/// A file cannot be read, written or removed.
pub fn finish(folder: &StateFolder) -> Result<()> {
    let ca = folder.ca();
    let (key_path, certificate_path) = (ca.join(NEXT_KEY), ca.join(NEXT_CERTIFICATE));
    let key = match fs::read_to_string(&key_path).map(Zeroizing::new) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        key => key.map_err(Error::io("read", &key_path))?,
    };
    if is_decided(folder, &certificate_path)? {
        let certificate = read(&certificate_path)?;
        write(&ca.join(KEY), key.as_bytes(), durable::PRIVATE)?;
        common::crash_point!("authority-key-taken");
        write(&ca.join(CERTIFICATE), certificate.as_bytes(), durable::ORDINARY)?;
    }
    // The key last: it is what says that there is something to finish.
    for path in [&certificate_path, &key_path] {
        super::blobs::remove(path)?;
    }
    Ok(())
}

/// Whether the newest bridge is that of the next authority.
fn is_decided(folder: &StateFolder, certificate_path: &Path) -> Result<bool> {
    let Ok(text) = fs::read_to_string(certificate_path) else { return Ok(false) };
    let Ok(next) = tls::certificate_from_pem(&text) else { return Ok(false) };
    let before = predecessors(folder)?;
    let Some(newest) = before.first() else { return Ok(false) };
    let bridge = tls::certificate_from_pem(&newest.bridge_pem)?;
    Ok(SpkiPin::of_certificate(&bridge)? == SpkiPin::of_certificate(&next)?)
}

/// A fresh random serial number.
///
/// # Errors
/// The operating system gives no random bytes.
pub fn random_serial() -> Result<SerialNumber> {
    Ok(SerialNumber::from_random(random::bytes()?))
}

pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    durable::write(path, bytes, mode).map_err(Error::io("write", path))
}

/// Wiped when dropped: most of what is read here is a key.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>> {
    fs::read_to_string(path).map(Zeroizing::new).map_err(Error::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_folder::identity::Identity;

    const DAY_MS: u64 = 86_400_000;
    const START: Timestamp = Timestamp(1_800_000_000_000);

    fn made() -> (tempfile::TempDir, StateFolder, Identity) {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&root.path().join("state"));
        folder.create().unwrap();
        let identity = Identity::create(&folder, "test", START).unwrap();
        (root, folder, identity)
    }

    #[test]
    fn the_next_authority_signs_and_the_one_before_is_taken_for_a_while() {
        let (_root, folder, first) = made();
        let old_key = fs::read_to_string(folder.ca().join(KEY)).unwrap();
        let until = START.plus_ms(30 * DAY_MS);
        let next = roll(&folder, START, until).unwrap();
        assert_ne!(next.pin(), first.authority.pin());
        assert_eq!((next.generation(), pin(&folder).unwrap()), (2, next.pin()));
        let second = Identity::load(&folder, START).unwrap();
        let known = first.authority.certificate_der();
        let of = |now| lineage(&folder, &second.authority, now).unwrap();
        let mut chain = vec![second.server.certificate_der().to_vec().into()];
        chain.extend(of(START).predecessors.iter().map(|one| one.bridge_der.clone().into()));
        let found = lineage::successor_in(&chain, known, START.into()).unwrap().unwrap();
        assert_eq!(SpkiPin::of_certificate(&found).unwrap(), next.pin());
        assert!(of(START).predecessors[0].is_taken && !of(until).predecessors[0].is_taken);
        for name in [KEY, CERTIFICATE, PREDECESSORS, "server.key.pem", "server.crt.pem"] {
            let text = fs::read_to_string(folder.ca().join(name)).unwrap();
            assert!(!text.contains(&old_key), "{name}");
        }
        assert_eq!(retire(&folder, START.plus_ms(DAY_MS)).unwrap(), 1);
        assert_eq!(retire(&folder, START.plus_ms(DAY_MS)).unwrap(), 0);
        assert!(!of(START.plus_ms(DAY_MS)).predecessors[0].is_taken);
    }

    #[test]
    fn authorities_are_remembered_up_to_a_bound_and_none_that_is_taken_is_forgotten() {
        let (_root, folder, _) = made();
        let many = certs::limits::PREDECESSORS_MAX;
        for _ in 0..many {
            roll(&folder, START, START.plus_ms(DAY_MS)).unwrap();
        }
        let refused = roll(&folder, START, START.plus_ms(DAY_MS)).unwrap_err();
        assert!(matches!(refused, Error::Argument { .. }), "{refused}");
        let later = START.plus_ms(2 * DAY_MS);
        let last = roll(&folder, later, later.plus_ms(300 * DAY_MS)).unwrap();
        assert_eq!(last.generation() as usize, many + 2);
        assert_eq!(predecessors(&folder).unwrap().len(), many);
        // One with a long overlap is not pushed out by short ones.
        for day in 0..many as u64 - 1 {
            let at = later.plus_ms((2 * day + 2) * DAY_MS);
            roll(&folder, at, at.plus_ms(DAY_MS)).unwrap();
        }
        let at = later.plus_ms(100 * DAY_MS);
        assert!(matches!(roll(&folder, at, at.plus_ms(DAY_MS)), Err(Error::Argument { .. })));
        assert_eq!(next_end(&folder, at).unwrap(), Some(later.plus_ms(300 * DAY_MS)));
    }

    #[test]
    fn a_rollover_is_done_or_not_wherever_it_stopped() {
        let (_root, folder, first) = made();
        let ca = folder.ca();
        let next = first.authority.successor(&random_serial().unwrap(), START.into()).unwrap();
        // Before the decision.
        fs::write(ca.join(NEXT_KEY), next.key_pem().as_bytes()).unwrap();
        fs::write(ca.join(NEXT_CERTIFICATE), &next.certificate_pem().as_bytes()[..40]).unwrap();
        assert_eq!(pin(&folder).unwrap(), first.authority.pin(), "whoever only reads changes nothing");
        assert!(ca.join(NEXT_KEY).exists());
        finish(&folder).unwrap();
        assert_eq!(load(&folder).unwrap().pin(), first.authority.pin());
        assert!(!ca.join(NEXT_KEY).exists() && !ca.join(NEXT_CERTIFICATE).exists());
        // After it, and again with the key alone changed over.
        for stop in ["decided", "key"] {
            let current = load(&folder).unwrap();
            let rolled = roll(&folder, START, START).unwrap();
            fs::write(ca.join(NEXT_KEY), rolled.key_pem().as_bytes()).unwrap();
            fs::write(ca.join(NEXT_CERTIFICATE), rolled.certificate_pem()).unwrap();
            fs::write(ca.join(CERTIFICATE), current.certificate_pem()).unwrap();
            if stop == "decided" {
                fs::write(ca.join(KEY), current.key_pem().as_bytes()).unwrap();
            }
            finish(&folder).unwrap();
            assert_eq!(load(&folder).unwrap().pin(), rolled.pin(), "{stop}");
            assert!(!ca.join(NEXT_KEY).exists(), "{stop}");
        }
    }

    #[test]
    fn where_one_key_is_sealed_the_next_authority_is_never_written_plain() {
        let (_root, folder, _) = made();
        assert_eq!(sealing(&folder), Sealing::Plain);
        let word = common::private::passphrase::Passphrase::known(Zeroizing::new("correct horse".into()));
        let folder = folder.with_passphrase(word);
        // Sealing was interrupted before it came to the authority's.
        keys::seal(&key_files(&folder)[..1], folder.passphrase()).unwrap();
        assert_eq!(sealing(&folder), Sealing::Partly);
        roll(&folder, START, START).unwrap();
        assert!(keys::is_sealed(&folder.ca().join(KEY)));
    }

    #[test]
    fn a_damaged_memory_of_earlier_authorities_is_named_and_not_overwritten() {
        let (_root, folder, _) = made();
        let path = folder.ca().join(PREDECESSORS);
        for damaged in [b"[".as_slice(), b"[{\"certificate_pem\":1}]", &vec![b' '; 1 << 20]] {
            fs::write(&path, damaged).unwrap();
            for result in [predecessors(&folder).map(|_| ()), roll(&folder, START, START).map(|_| ())] {
                assert!(matches!(result, Err(Error::Config { .. })), "{result:?}");
            }
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
    }
}
