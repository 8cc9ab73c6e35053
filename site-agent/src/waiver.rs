//! From a waiver's file to what it accepts, and the hashes that a waiver binds to. Called by the command line
//! and by whoever inspects records before training. Invariants: a waiver counts only if the officer whom this
//! site trusts signed it and it has not expired; nothing here prints or returns a text of a record.

use std::path::Path;

use certs::{CertError, OfficerKey, OfficerPublicKey};
use cli::keys;
use common::clock::{Clock as _, SystemClock, Timestamp};
use common::id::Digest;
use common::private::passphrase::Passphrase;
use data::hash::content_hash;
use data::limits::WAIVER_BYTES_MAX;
use data::room::{self, RoomFile, RoomOptions};
use data::screen::waiver::{Accepted, SignedWaiver, WaiverError, dataset_digest};
use data::{Date, Record};
use prepare::PrepareError;
use zeroize::Zeroizing;

use crate::error::SiteError;
use crate::limits::KEY_BYTES_MAX;
use crate::paths::StateFolder;

/// The day of this instant in UTC.
#[must_use]
pub fn day_of(now: Timestamp) -> Date {
    let day = time::OffsetDateTime::from_unix_timestamp(now.unix_s()).map(time::OffsetDateTime::date);
    let day = day.unwrap_or(time::Date::MIN);
    Date { year: u16::try_from(day.year()).unwrap_or(0), month: u8::from(day.month()), day: day.day() }
}

/// Today's day in UTC, by this machine's clock.
#[must_use]
pub fn today() -> Date {
    day_of(SystemClock.now())
}

/// Reads a waiver's file; says nothing of its signature.
///
/// # Errors
/// `Io`; `Data` when it is no waiver.
pub fn read(path: &Path) -> Result<SignedWaiver, SiteError> {
    let length = std::fs::metadata(path).map_err(|source| SiteError::io(path, source))?.len();
    if length > WAIVER_BYTES_MAX {
        return Err(refused(&WaiverError::Format(format!("it is longer than {WAIVER_BYTES_MAX} bytes"))));
    }
    let bytes = std::fs::read(path).map_err(|source| SiteError::io(path, source))?;
    SignedWaiver::from_bytes(&bytes).map_err(|error| refused(&error))
}

/// Checks signer, signature and last day of a waiver. Whoever reads the records compares the dataset.
///
/// # Errors
/// `Data`, with the sentence that says what is wrong.
pub fn accepted_by(
    waiver: &SignedWaiver,
    officer: &OfficerPublicKey,
    today: Date,
) -> Result<Accepted, SiteError> {
    let verify = |message: &[u8], signature: &[u8]| officer.verifies(message, signature);
    waiver.verify(officer.as_bytes(), today, &verify).map_err(|error| refused(&error))
}

/// The SHA-256 of the waiver's file that is in force, whether or not it holds; 32 zero bytes where there is
/// none. For the ledger.
///
/// # Errors
/// `Io` when it cannot be read.
pub fn digest_in_force(folder: &StateFolder) -> Result<Digest, SiteError> {
    let path = folder.waiver();
    if !path.exists() {
        return Ok(Digest([0; 32]));
    }
    let bytes = std::fs::read(&path).map_err(|source| SiteError::unreadable(&path, source))?;
    Ok(Digest::of(&bytes))
}

/// What the waiver in force at a site accepts; nothing where there is none. A waiver that does not hold is an
/// error and not ignored: training would silently use other records than yesterday.
///
/// # Errors
/// As [`read`] and [`accepted_by`]; `Data` when the site trusts no officer.
pub fn in_force(folder: &StateFolder) -> Result<Option<Accepted>, SiteError> {
    if !folder.waiver().exists() {
        return Ok(None);
    }
    let signed = read(&folder.waiver())?;
    accepted_by(&signed, &trusted(&folder.officer())?, today()).map(Some)
}

/// The officer whom a site trusts, from the file that `site-agent officer-key trust` wrote.
///
/// # Errors
/// `Data` when there is none or the file is no public key.
pub fn trusted(path: &Path) -> Result<OfficerPublicKey, SiteError> {
    if !path.exists() {
        return Err(SiteError::Data {
            sentence: "this site trusts no privacy officer's key yet".into(),
            hint: Some("name it with `site-agent officer-key trust PUBLIC_KEY`".into()),
        });
    }
    read_public(path)
}

/// The public key in a file.
///
/// # Errors
/// `Io`; `Data` when it is no public key.
pub fn read_public(path: &Path) -> Result<OfficerPublicKey, SiteError> {
    OfficerPublicKey::from_text(&read_key_text(path)?).map_err(key_error)
}

/// The officer's private key in a file, for whoever signs with it.
///
/// # Errors
/// `Io`; `Data` when it is no private key, or a sealed one that the passphrase does not open.
pub fn read_private(path: &Path, passphrase: &Passphrase) -> Result<OfficerKey, SiteError> {
    let text = keys::opened(path, read_key_text(path)?, passphrase)?;
    OfficerKey::from_text(&text).map_err(key_error)
}

/// The signature over a statement by the key in a file, which must be that of the officer whom the site
/// trusts.
///
/// # Errors
/// `Io`; `Data` when it is another key or none, or the site trusts nobody.
pub fn sign_as_trusted(
    folder: &StateFolder,
    key: &Path,
    passphrase: &Passphrase,
    statement: &[u8],
) -> Result<[u8; 64], SiteError> {
    let trusted = trusted(&folder.officer())?;
    let signature = read_private(key, passphrase)?.sign(statement).map_err(key_error)?;
    if trusted.verifies(statement, &signature) {
        Ok(signature)
    } else {
        Err(SiteError::data("this is not the key of the officer whom this site trusts", "use theirs"))
    }
}

/// The text of a key file, which has a line or two.
///
/// # Errors
/// `Io`; `Data` when it is too long for a key.
pub fn read_key_text(path: &Path) -> Result<Zeroizing<String>, SiteError> {
    let length = std::fs::metadata(path).map_err(|source| SiteError::io(path, source))?.len();
    if length > KEY_BYTES_MAX {
        return Err(key_error(CertError::OfficerKey));
    }
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(|source| SiteError::io(path, source))
}

/// A failure with a key, as the command line says it.
#[must_use]
pub fn key_error(error: CertError) -> SiteError {
    if error.is_user_error() {
        SiteError::Data { sentence: error.to_string(), hint: error.hint().map(str::to_owned) }
    } else {
        SiteError::Internal(error.to_string())
    }
}

/// What a refused waiver means to the person at the keyboard.
#[must_use]
pub fn refused(error: &WaiverError) -> SiteError {
    let hint = match error {
        WaiverError::Format(_) => "name the file that `site-agent waiver new` wrote",
        WaiverError::OtherDataset => {
            "records were added, removed or changed since; let the officer look again and sign with `site-agent waiver new`"
        }
        WaiverError::Expired { .. } => "let the officer sign a new one with `site-agent waiver new`",
        WaiverError::OtherKey => {
            "ask who signed it; `site-agent officer-key trust` names the officer of this site"
        }
        WaiverError::Altered => "get the original file from the officer",
        WaiverError::Content(_) => "see `site-agent waiver new --help`",
    };
    SiteError::Data { sentence: error.to_string(), hint: Some(hint.into()) }
}

/// Streams the usable records of some files to `each`, mapped and mixed as `options` say, and returns the
/// digest that names the dataset: the one that the data room compares.
///
/// # Errors
/// What reading says of a file; `Data` when there is no usable record.
pub fn each_record(
    files: &[RoomFile],
    options: &RoomOptions,
    mut each: impl FnMut(&Record, &[u8; 32]),
) -> Result<[u8; 32], SiteError> {
    let mut hashes = Vec::new();
    room::each_readable(files, options, |record| {
        let hash = content_hash(&record);
        hashes.push(hash);
        each(&record, &hash);
    })
    .map_err(PrepareError::from)?;
    if hashes.is_empty() {
        return Err(SiteError::Data {
            sentence: "the files hold no usable record".into(),
            hint: Some("name the files with the records".into()),
        });
    }
    Ok(dataset_digest(&hashes))
}

#[cfg(test)]
mod tests {
    use data::screen::Kind;
    use data::screen::waiver::{CONTEXT, Waiver, WaiverTerms};

    use super::*;

    #[test]
    fn the_two_crates_mean_the_same_context() {
        assert_eq!(CONTEXT, certs::officer::WAIVER_CONTEXT);
    }

    #[test]
    fn a_signature_of_the_trusted_officer_counts_and_no_other() {
        let key = OfficerKey::generate().unwrap();
        let public = key.public_key().unwrap();
        let terms = WaiverTerms {
            kinds: [Kind::Date].into(),
            findings: [].into(),
            reason: "why",
            issued: "2026-01-01",
            expires: "2026-12-31",
        };
        let waiver = Waiver::new(&[1; 32], terms, public.as_bytes()).unwrap();
        let signature = key.sign(&waiver.message().unwrap()).unwrap();
        let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        let signed = SignedWaiver { waiver, signature };
        let day = Date { year: 2026, month: 6, day: 1 };
        assert!(accepted_by(&signed, &public, day).is_ok());
        let other = OfficerKey::generate().unwrap().public_key().unwrap();
        assert!(accepted_by(&signed, &other, day).unwrap_err().to_string().contains("another key"));
        let mut altered = signed;
        altered.waiver.kinds.insert(Kind::CitizenId);
        assert!(accepted_by(&altered, &public, day).unwrap_err().to_string().contains("altered"));
    }
}
