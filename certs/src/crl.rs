//! The consortium's revocation list (RFC 5280, section 5): which certificates count no more, signed by the
//! authority, for those who cannot ask the coordinator's database.
//!
//! Called by the coordinator, which signs it, and by sites, which verify it and go by it. One list, signed by
//! the present authority, has the certificates of all authorities of the consortium: serial numbers are 126
//! random bits, so that none means two certificates, and the key of an earlier authority is gone. A program
//! that goes by issuers finds in it those of the present authority only.
//!
//! Invariants: nothing of a list is read before its size is checked and its signature holds; what is taken
//! has one spelling but for the signature (version 2, entries in ascending order, each with its reason, no
//! other extension than key identifier and number); whether it holds now is asked with the time as argument.

mod der;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams};
use rustls::pki_types::{CertificateRevocationListDer, pem::PemObject};
use time::OffsetDateTime;
use x509_parser::prelude::{
    CertificateRevocationList, FromDer, ParsedExtension, ReasonCode, RevokedCertificate, X509Certificate,
    X509Version,
};

use crate::{
    ca::CertificateAuthority,
    error::CertError,
    limits::{REVOCATIONS_BYTES_MAX, REVOKED_MAX},
    lineage,
    pin::SpkiPin,
    serial::SerialNumber,
};

/// How long a list holds: a week. Whoever stole the coordinator's key can show a list from before that became
/// known for no longer, and a coordinator that is off hinders nobody: no site works without it.
pub const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// When the next one is signed: a day. Six are left for a site that was off, or whose line is down.
pub const RENEWED_AFTER: Duration = Duration::from_secs(86_400);
/// By how much a site's clock may be wrong: an hour, the 168th part of a list's life. A list is taken that
/// begins within the next hour, and goes on for one after its end.
pub const TOLERANCE: Duration = Duration::from_secs(3600);
/// An entry goes when the certificate ended so long ago: RFC 5280 (section 3.3) wants it on one list that was
/// signed after that end, and a list is signed at least once in this time.
pub const KEPT_AFTER_END: Duration = LIFETIME;

/// The first byte of an entry that names a key, which is longer than any serial number of ours.
const KEY_MARK: u8 = b'K';
/// Bytes of a key's SHA-256 in it: 152 bits, with the mark 20 bytes, the most of a serial number.
const KEY_BYTES: usize = 19;

/// Why a certificate counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its key is known to others.
    KeyCompromise,
    /// Its holder has a newer one.
    Superseded,
    /// Its holder left the consortium.
    Left,
    /// An operator shut its holder out.
    Withdrawn,
}

impl Reason {
    /// The word in `coordinator crl show`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::KeyCompromise => "key-compromise",
            Self::Superseded => "superseded",
            Self::Left => "left",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn code(self) -> RevocationReason {
        match self {
            Self::KeyCompromise => RevocationReason::KeyCompromise,
            Self::Superseded => RevocationReason::Superseded,
            Self::Left => RevocationReason::CessationOfOperation,
            Self::Withdrawn => RevocationReason::PrivilegeWithdrawn,
        }
    }

    fn of_code(code: ReasonCode) -> Option<Self> {
        match code {
            ReasonCode::KeyCompromise => Some(Self::KeyCompromise),
            ReasonCode::Superseded => Some(Self::Superseded),
            ReasonCode::CessationOfOperation => Some(Self::Left),
            ReasonCode::PrivilegeWithdrawn => Some(Self::Withdrawn),
            _ => None,
        }
    }
}

/// A certificate that counts no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number.
    pub serial: SerialNumber,
    /// SHA-256 of its public key.
    pub key: SpkiPin,
    /// Since when.
    pub since: SystemTime,
    /// Why.
    pub reason: Reason,
}

impl Revoked {
    /// The numbers under which it is listed. A key that was only replaced is no reason to refuse a roster
    /// that has it: rosters outlive renewals.
    fn numbers(&self) -> impl Iterator<Item = Vec<u8>> {
        let key = (self.reason != Reason::Superseded).then(|| key_number(self.key));
        std::iter::once(self.serial.as_bytes().to_vec()).chain(key)
    }
}

/// The entry of a key: a roster names members by it, and not by serial numbers.
fn key_number(key: SpkiPin) -> Vec<u8> {
    std::iter::once(KEY_MARK).chain(key.as_bytes().iter().copied().take(KEY_BYTES)).collect()
}

/// What an entry of a list names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A certificate, by its serial number in hexadecimal digits.
    Certificate(String),
    /// A key, by the first 19 bytes of its SHA-256 in hexadecimal digits.
    Key(String),
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What counts no more.
    pub named: Named,
    /// Since when.
    pub since: SystemTime,
    /// Why.
    pub reason: Reason,
}

/// Signs the list with this number. Where there is no room for all, those that were replaced give way; they
/// are refused by the coordinator all the same.
///
/// # Errors
/// [`CertError::Revocations`] when there is no room for those that were revoked,
/// [`CertError::AuthorityExpired`], [`CertError::Signing`] when the crypto provider fails.
pub fn sign(
    authority: &CertificateAuthority,
    number: u64,
    revoked: &[Revoked],
    now: SystemTime,
) -> Result<Vec<u8>, CertError> {
    if now >= authority.not_after() {
        return Err(CertError::AuthorityExpired);
    }
    if i64::try_from(number).is_err() {
        return Err(refuse("its number is too large"));
    }
    let entry = |(bytes, (since, reason)): (Vec<u8>, (SystemTime, Reason))| RevokedCertParams {
        serial_number: rcgen::SerialNumber::from_slice(&bytes),
        revocation_time: whole_seconds(since),
        reason_code: Some(reason.code()),
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: whole_seconds(now),
        next_update: whole_seconds(now + LIFETIME),
        crl_number: rcgen::SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: listed(revoked)?.into_iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let signed =
        params.signed_by(authority.issuer()).map_err(|error| CertError::Signing(error.to_string()))?;
    Ok(signed.der().to_vec())
}

/// The entries of a list, by their numbers: those that were revoked first, then the newest of the others.
fn listed(revoked: &[Revoked]) -> Result<BTreeMap<Vec<u8>, (SystemTime, Reason)>, CertError> {
    let mut first_come: Vec<&Revoked> = revoked.iter().collect();
    first_come
        .sort_by_key(|one| (one.reason == Reason::Superseded, std::cmp::Reverse(one.since), one.serial));
    let mut listed = BTreeMap::new();
    for one in first_come {
        for number in one.numbers() {
            let is_full = listed.len() == REVOKED_MAX && !listed.contains_key(&number);
            if is_full && one.reason == Reason::Superseded {
                return Ok(listed);
            }
            if is_full {
                return Err(refuse("more is revoked than a list may hold"));
            }
            listed.entry(number).or_insert((one.since, one.reason));
        }
    }
    Ok(listed)
}

/// Whether a list holds at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Good,
    /// It begins later than a wrong clock explains.
    Future,
    /// It has ended.
    Expired,
}

/// A list whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    number: u64,
    this_update: SystemTime,
    next_update: SystemTime,
    entries: Vec<Entry>,
    numbers: BTreeSet<Vec<u8>>,
    der: Vec<u8>,
}

impl RevocationList {
    /// Reads a list in DER that the authority with this certificate signed. Whether it holds now is another
    /// question ([`Self::standing`]), and whether it is the newest a third.
    ///
    /// # Errors
    /// [`CertError::Revocations`], with the reason, for what is longer than [`REVOCATIONS_BYTES_MAX`], not
    /// signed by the authority, or not spelled as [`sign`] spells; [`CertError::Certificate`] for bytes that
    /// are not the certificate of an authority.
    pub fn verify(der: &[u8], authority_der: &[u8]) -> Result<Self, CertError> {
        if der.len() > REVOCATIONS_BYTES_MAX {
            return Err(refuse("it is longer than a list may be"));
        }
        let parts = der::split(der).ok_or_else(|| refuse("it is not a list in DER"))?;
        let point = point_of(authority_der)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point)
            .verify(parts.signed, parts.signature)
            .map_err(|_| refuse("the consortium's authority did not sign it"))?;
        let (rest, parsed) =
            CertificateRevocationList::from_der(der).map_err(|_| refuse("it is not a list in DER"))?;
        if !rest.is_empty() {
            return Err(refuse("bytes follow its end"));
        }
        Self::of(&parsed, der, &lineage::key_identifier(authority_der)?)
    }

    /// As [`Self::verify`], of the PEM of [`Self::pem`].
    ///
    /// # Errors
    /// As [`Self::verify`]; [`CertError::Pem`] for a text without a list.
    pub fn verify_pem(pem: &str, authority_der: &[u8]) -> Result<Self, CertError> {
        // PEM has four characters for three bytes, and a newline for 64 of them.
        if pem.len() > 2 * REVOCATIONS_BYTES_MAX {
            return Err(refuse("it is longer than a list may be"));
        }
        let der = CertificateRevocationListDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| CertError::Pem { what: "revocation list" })?;
        Self::verify(&der, authority_der)
    }

    fn of(parsed: &CertificateRevocationList<'_>, der: &[u8], signer: &[u8]) -> Result<Self, CertError> {
        let list = &parsed.tbs_cert_list;
        if list.version != Some(X509Version::V2) {
            return Err(refuse("it is not of version 2"));
        }
        let number = extensions(list, signer)?;
        let next_update = list.next_update.ok_or_else(|| refuse("it does not say when it ends"))?;
        let (this_update, next_update) =
            (system_time(list.this_update.timestamp()), system_time(next_update.timestamp()));
        if this_update >= next_update || next_update > this_update + LIFETIME {
            return Err(refuse("it holds for longer than a list may, or never"));
        }
        if list.revoked_certificates.len() > REVOKED_MAX {
            return Err(refuse("it has more entries than a list may have"));
        }
        let mut numbers = BTreeSet::new();
        let mut entries = Vec::with_capacity(list.revoked_certificates.len());
        for revoked in &list.revoked_certificates {
            let bytes = revoked.raw_serial().to_vec();
            if numbers.last().is_some_and(|last| *last >= bytes) {
                return Err(refuse("its entries are not in ascending order"));
            }
            entries.push(entry(revoked)?);
            numbers.insert(bytes);
        }
        Ok(Self { number, this_update, next_update, entries, numbers, der: der.to_vec() })
    }

    /// Its number; a later list has a higher one.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was signed.
    #[must_use]
    pub fn this_update(&self) -> SystemTime {
        self.this_update
    }

    /// When it ends.
    #[must_use]
    pub fn next_update(&self) -> SystemTime {
        self.next_update
    }

    /// What it lists, in ascending order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether it lists exactly these, so that no other need be signed for their sake.
    #[must_use]
    pub fn lists(&self, revoked: &[Revoked]) -> bool {
        let Ok(wanted) = listed(revoked) else { return false };
        let reasons = self.entries.iter().map(|entry| entry.reason);
        wanted.iter().map(|(number, (_, reason))| (number, *reason)).eq(self.numbers.iter().zip(reasons))
    }

    /// The list in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The list in PEM, as `openssl crl` reads it.
    #[must_use]
    pub fn pem(&self) -> String {
        let body = data_encoding::BASE64.encode(&self.der);
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
        format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", lines.join("\n"))
    }

    /// Whether it holds at `now`, by a clock that may be wrong by [`TOLERANCE`].
    #[must_use]
    pub fn standing(&self, now: SystemTime) -> Standing {
        if now + TOLERANCE < self.this_update {
            Standing::Future
        } else if now >= self.next_update + TOLERANCE {
            Standing::Expired
        } else {
            Standing::Good
        }
    }

    /// Whether a newer one should be asked for, or signed.
    #[must_use]
    pub fn is_old(&self, now: SystemTime) -> bool {
        now >= self.this_update + RENEWED_AFTER || now + TOLERANCE < self.this_update
    }

    /// Whether it lists this certificate.
    #[must_use]
    pub fn has_serial(&self, serial: SerialNumber) -> bool {
        self.numbers.contains(serial.as_bytes().as_slice())
    }

    /// Whether it lists a certificate of this key that was revoked, and not only replaced.
    #[must_use]
    pub fn has_key(&self, key: SpkiPin) -> bool {
        self.numbers.contains(&key_number(key))
    }
}

/// The number, if the extensions are the two that every list has, and this authority's.
fn extensions(list: &x509_parser::revocation_list::TbsCertList<'_>, signer: &[u8]) -> Result<u64, CertError> {
    let [key, number] = list.extensions() else { return Err(refuse("it has other extensions than ours")) };
    match key.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(found)
            if found.key_identifier.as_ref().is_some_and(|found| found.0 == signer) => {}
        _ => return Err(refuse("it names another authority")),
    }
    match number.parsed_extension() {
        ParsedExtension::CRLNumber(number) => match number.to_u64_digits().as_slice() {
            [] => Ok(0),
            // As large as a database keeps.
            [digits] if i64::try_from(*digits).is_ok() => Ok(*digits),
            _ => Err(refuse("its number is too large")),
        },
        _ => Err(refuse("it has no number")),
    }
}

fn entry(revoked: &RevokedCertificate<'_>) -> Result<Entry, CertError> {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let named = match revoked.raw_serial() {
        serial if serial.len() == 16 => Named::Certificate(hex(serial)),
        [KEY_MARK, key @ ..] if key.len() == KEY_BYTES => Named::Key(hex(key)),
        _ => return Err(refuse("it lists what is neither a certificate nor a key of ours")),
    };
    let reason = match revoked.extensions() {
        [_] => revoked.reason_code().and_then(|(_, code)| Reason::of_code(code)),
        _ => None,
    };
    let reason = reason.ok_or_else(|| refuse("an entry has no reason that we know"))?;
    Ok(Entry { named, since: system_time(revoked.revocation_date.timestamp()), reason })
}

/// The public key of an authority: an uncompressed point.
fn point_of(authority_der: &[u8]) -> Result<Vec<u8>, CertError> {
    let (_, authority) = X509Certificate::from_der(authority_der)
        .map_err(|_| CertError::Certificate { what: "CA certificate", reason: "it is not X.509 in DER" })?;
    Ok(authority.tbs_certificate.subject_pki.subject_public_key.data.to_vec())
}

fn system_time(unix_s: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix_s.try_into().unwrap_or(0))
}

fn whole_seconds(at: SystemTime) -> OffsetDateTime {
    let at = OffsetDateTime::from(at);
    at - Duration::from_nanos(u64::from(at.nanosecond()))
}

fn refuse(reason: &'static str) -> CertError {
    CertError::Revocations { reason }
}

#[cfg(test)]
mod tests;
