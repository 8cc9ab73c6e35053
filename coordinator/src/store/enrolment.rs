//! Sites, tokens and certificates. Called by `enrolment`, `requests::handler`, `admin` and the subcommands
//! `invite`, `sites` and `revoke`. Invariants: a token yields at most one certificate, recorded in the
//! transaction that consumes the token; it ends the certificate that the site had before; the same token with
//! the same key yields that certificate again (a crash between signing and answering); a request is
//! authorised by serial AND key.

use std::collections::{BTreeMap, BTreeSet};

use certs::{SerialNumber, SpkiPin, TokenHash};
use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use common::limits::SITES_MAX;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::database::{Store, from_sql, to_sql};
use super::error::StoreError;
use super::presence::moment;
use super::revoked::{OF_SITE, must_fit};

/// A site's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteStatus {
    /// Invited, not joined.
    Invited,
    /// Holds a certificate that counts.
    Active,
    /// Shut out.
    Revoked,
    /// Shut out by its own wish.
    Left,
}

/// Who ends a site's membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// An operator: `coordinator revoke`.
    Operator,
    /// The site itself.
    Itself,
}

impl SiteStatus {
    /// The word in the database and in `sites`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Left => "left",
        }
    }

    /// Whether nothing of the site counts any more.
    pub fn is_out(self) -> bool {
        matches!(self, Self::Revoked | Self::Left)
    }

    /// From the word in the database, which knows one for both ways of being shut out.
    fn parse(word: &str, left_at: Option<Timestamp>) -> Result<Self, StoreError> {
        if word == Self::Revoked.word() && left_at.is_some() {
            return Ok(Self::Left);
        }
        [Self::Invited, Self::Active, Self::Revoked]
            .into_iter()
            .find(|status| status.word() == word)
            .ok_or_else(|| StoreError::Corrupt(format!("site status `{word}`")))
    }
}

/// One site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRow {
    /// Its name.
    pub name: SiteId,
    /// Its standing.
    pub status: SiteStatus,
    /// When it joined.
    pub joined_at: Option<Timestamp>,
    /// When its last message was taken.
    pub seen_at: Option<Timestamp>,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
}

/// One invitation, without its token, which nobody but the hospital has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// The site it was made for.
    pub site: SiteId,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether a site joined with it.
    pub is_used: bool,
}

/// A certificate as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its serial number.
    pub serial: SerialNumber,
    /// SHA-256 of its public key.
    pub key: SpkiPin,
    /// The certificate itself.
    pub der: Vec<u8>,
}

/// The result of [`Store::enrol`] and [`Store::renew`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The site it is made for.
    pub site: SiteId,
    /// Its certificate.
    pub certificate: Certificate,
    /// Whether it was recorded now, as opposed to before a crash.
    pub fresh: bool,
}

impl Store {
    /// Records an invitation: the site (unless it exists) and the hash of its token.
    ///
    /// # Errors
    /// The site is revoked, there are as many as there may be, or the database cannot be written.
    pub fn invite(
        &self,
        site: &SiteId,
        token: &TokenHash,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if status(&transaction, site)? == Some(SiteStatus::Revoked) {
            return Err(StoreError::SiteRevoked(site.to_string()));
        }
        if status(&transaction, site)?.is_none() {
            let query = "SELECT count(*) FROM sites WHERE status <> 'revoked'";
            let count: i64 = transaction.query_row(query, [], |row| row.get(0))?;
            if from_sql(count) >= SITES_MAX as u64 {
                return Err(StoreError::TooManySites);
            }
        }
        transaction.execute(
            "INSERT OR IGNORE INTO sites (name, status, invited_at) VALUES (?, 'invited', ?)",
            params![site.as_str(), to_sql(now.0)],
        )?;
        // An invitation that was seen by somebody is withdrawn by making another; a used one stays, for its
        // retries.
        transaction
            .execute("DELETE FROM tokens WHERE site = ? AND consumed_by IS NULL", params![site.as_str()])?;
        transaction.execute(
            "INSERT INTO tokens (hash, site, created_at, expires_at) VALUES (?, ?, ?, ?)",
            params![token.as_bytes(), site.as_str(), to_sql(now.0), to_sql(expires_at.0)],
        )?;
        Ok(transaction.commit()?)
    }

    /// Every invitation there ever was but those that were withdrawn, by site and age.
    ///
    /// # Errors
    /// The database cannot be read, or holds a name that no site can have.
    pub fn invitations(&self) -> Result<Vec<InvitationRow>, StoreError> {
        let connection = self.lock();
        let query = "SELECT site, created_at, expires_at, consumed_by IS NOT NULL FROM tokens
                     ORDER BY site, created_at";
        let mut statement = connection.prepare(query)?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get(3)?))
        };
        let mut rows = Vec::new();
        for row in statement.query_map([], read)? {
            let (site, made, expires, is_used) = row?;
            rows.push(InvitationRow {
                site: site_id(&site)?,
                made_at: Timestamp(from_sql(made)),
                expires_at: Timestamp(from_sql(expires)),
                is_used,
            });
        }
        Ok(rows)
    }

    /// Withdraws what invitations of a site were not used yet; returns how many there were. A site that never
    /// joined is forgotten with them.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn withdraw(&self, site: &SiteId) -> Result<usize, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let withdrawn = transaction
            .execute("DELETE FROM tokens WHERE site = ? AND consumed_by IS NULL", [site.as_str()])?;
        transaction.execute(
            "DELETE FROM sites WHERE name = ?1 AND status = 'invited'
             AND NOT EXISTS (SELECT 1 FROM tokens WHERE site = ?1)",
            [site.as_str()],
        )?;
        transaction.commit()?;
        Ok(withdrawn)
    }

    /// Withdraws what invitations of all sites are open at `now`; returns how many there were. Sites that
    /// never joined are forgotten with them.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn withdraw_all(&self, now: Timestamp) -> Result<usize, StoreError> {
        let open: BTreeSet<SiteId> = self
            .invitations()?
            .into_iter()
            .filter(|invitation| !invitation.is_used && invitation.expires_at > now)
            .map(|invitation| invitation.site)
            .collect();
        open.iter().map(|site| self.withdraw(site)).sum()
    }

    /// The certificates that count now, with their sites.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn living_certificates(&self) -> Result<Vec<(SiteId, Vec<u8>)>, StoreError> {
        let query = "SELECT site, der FROM certificates JOIN sites ON sites.name = certificates.site
                     WHERE certificates.revoked_at IS NULL AND sites.status = 'active' ORDER BY site, issued_at";
        let connection = self.lock();
        let mut statement = connection.prepare(query)?;
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        rows.map(|row| row.map_err(StoreError::from).and_then(|(site, der)| Ok((site_id(&site)?, der))))
            .collect()
    }

    /// Consumes `token`, which must be for the site called `named`, for the key `key`: `sign` makes the
    /// certificate for the token's site, which is recorded in the same transaction. Repeated with the same
    /// key it returns the recorded one; with another key it is refused. A failure of `sign` consumes nothing.
    ///
    /// # Errors
    /// The token is unknown, expired, another site's or used with another key; the site is revoked; `sign`
    /// failed; or the database cannot be written.
    pub fn enrol(
        &self,
        token: &TokenHash,
        named: &str,
        key: SpkiPin,
        now: Timestamp,
        sign: impl FnOnce(&SiteId) -> Result<Certificate, StoreError>,
    ) -> Result<Enrolled, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = find_token(&transaction, token)?.filter(|(site, ..)| site.as_str() == named);
        let Some((site, expires_at, consumed_by)) = found else {
            return Err(StoreError::TokenUnknown);
        };
        if status(&transaction, &site)? == Some(SiteStatus::Revoked) {
            return Err(StoreError::SiteRevoked(site.to_string()));
        }
        if let Some(serial) = consumed_by {
            let certificate = certificate(&transaction, serial)?
                .ok_or_else(|| StoreError::Corrupt("a token's certificate is missing".into()))?;
            let same = certificate.key == key;
            return if same {
                Ok(Enrolled { site, certificate, fresh: false })
            } else {
                Err(StoreError::TokenUsed)
            };
        }
        if now >= expires_at {
            return Err(StoreError::TokenExpired);
        }
        let certificate = sign(&site)?;
        readmit(&transaction, &site, now)?;
        record(&transaction, &site, &certificate, now)?;
        must_fit(&transaction, OF_SITE, &site, now)?;
        transaction.execute(
            "UPDATE tokens SET consumed_by = ? WHERE hash = ? AND consumed_by IS NULL",
            params![certificate.serial.as_bytes(), token.as_bytes()],
        )?;
        transaction.commit()?;
        drop(connection);
        self.keep_mark();
        Ok(Enrolled { site, certificate, fresh: true })
    }

    /// The active site that holds the certificate with this serial and key, if it is not revoked.
    ///
    /// # Errors
    /// The database cannot be read, or holds a name that no site can have.
    pub fn authorise(&self, serial: SerialNumber, key: SpkiPin) -> Result<Option<SiteId>, StoreError> {
        let query = "SELECT sites.name FROM certificates JOIN sites ON sites.name = certificates.site
                     WHERE serial = ? AND key_pin = ? AND certificates.revoked_at IS NULL AND sites.status = 'active'";
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let connection = self.lock();
        let name =
            connection.query_row(query, params![serial.as_bytes(), key.as_bytes()], read).optional()?;
        name.map(|name| site_id(&name)).transpose()
    }

    /// Whether a certificate that does not count any more was one of ours: revoked, or of a site that is, or
    /// replaced by a newer one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_revoked(&self, serial: SerialNumber, key: SpkiPin) -> Result<bool, StoreError> {
        let query = "SELECT 1 FROM certificates WHERE serial = ? AND key_pin = ?";
        let found = self
            .lock()
            .query_row(query, params![serial.as_bytes(), key.as_bytes()], |_| Ok(()))
            .optional()?;
        Ok(found.is_some())
    }

    /// Shuts a site out. Returns whether there was one to shut out. On a full disk the database's reserve is
    /// used.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn revoke(&self, site: &SiteId, leaving: Leaving, now: Timestamp) -> Result<bool, StoreError> {
        self.with_reserve(|| {
            let mut connection = self.lock();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let at = to_sql(now.0);
            let left_at = (leaving == Leaving::Itself).then_some(at);
            let changed = transaction.execute(
                "UPDATE sites SET status = 'revoked', revoked_at = ?1, left_at = ?2
                 WHERE name = ?3 AND status <> 'revoked'",
                params![at, left_at, site.as_str()],
            )?;
            transaction.execute(
                "UPDATE certificates SET revoked_at = ? WHERE site = ? AND revoked_at IS NULL",
                params![at, site.as_str()],
            )?;
            transaction.commit()?;
            Ok(changed > 0)
        })
    }

    /// The key of each active site's certificate.
    ///
    /// # Errors
    /// The database cannot be read, or holds a name that this program never writes.
    pub fn keys(&self) -> Result<BTreeMap<SiteId, Digest>, StoreError> {
        let query =
            "SELECT certificates.site, key_pin FROM certificates JOIN sites ON sites.name = certificates.site
                     WHERE certificates.revoked_at IS NULL AND sites.status = 'active' ORDER BY issued_at";
        let connection = self.lock();
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        let mut keys = BTreeMap::new();
        while let Some(row) = rows.next()? {
            keys.insert(site_id(&row.get::<_, String>(0)?)?, Digest(row.get(1)?));
        }
        Ok(keys)
    }

    /// All sites, by name.
    ///
    /// # Errors
    /// The database cannot be read, or holds a name or a status that this program never writes.
    pub fn sites(&self) -> Result<Vec<SiteRow>, StoreError> {
        let query = "SELECT name, status, joined_at, seen_at, paused_at, left_at FROM sites ORDER BY name";
        let connection = self.lock();
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        let mut sites = Vec::new();
        while let Some(row) = rows.next()? {
            let (name, word): (String, String) = (row.get(0)?, row.get(1)?);
            sites.push(SiteRow {
                name: site_id(&name)?,
                status: SiteStatus::parse(&word, moment(row.get(5)?))?,
                joined_at: moment(row.get(2)?),
                seen_at: moment(row.get(3)?),
                paused_at: moment(row.get(4)?),
            });
        }
        Ok(sites)
    }
}

/// Ends what a site had before it joins again: its certificate, so that one machine speaks for it, and the
/// ledger that we knew, in place of which it begins another. Recorded like every other ledger that replaced
/// one.
fn readmit(connection: &Connection, site: &SiteId, now: Timestamp) -> Result<(), StoreError> {
    let (name, at) = (site.as_str(), to_sql(now.0));
    let retired = connection.execute(
        "UPDATE certificates SET revoked_at = ? WHERE site = ? AND revoked_at IS NULL",
        params![at, name],
    )?;
    if retired > 0 {
        let nothing = Digest::of(b"").0;
        connection.execute(
            "INSERT INTO ledger_decisions (site, kept_size, kept_root, size, root, since, at)
             VALUES (?1, (SELECT size FROM ledger_heads WHERE site = ?1),
                     (SELECT root FROM ledger_heads WHERE site = ?1), 0, ?2, ?3, ?3)",
            params![name, nothing, at],
        )?;
        tracing::warn!(%site, "joined again: its older certificate counts no more, and its ledger is counted anew");
    }
    // Who joins has a new ledger, which begins at 1, or comes back with the old one and goes on in it: the
    // count of what was received begins anew either way.
    for table in ["frame_totals", "ledger_heads", "ledger_questions"] {
        connection.execute(&format!("DELETE FROM {table} WHERE site = ?"), [name])?;
    }
    // What was accepted of a count that began with some number says nothing of the next one with it.
    connection.execute("DELETE FROM forgotten WHERE site = ? AND accepted_at IS NOT NULL", [name])?;
    Ok(())
}

pub(super) fn record(
    connection: &Connection,
    site: &SiteId,
    certificate: &Certificate,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO certificates (serial, key_pin, site, der, issued_at) VALUES (?, ?, ?, ?, ?)",
        params![
            certificate.serial.as_bytes(),
            certificate.key.as_bytes(),
            site.as_str(),
            certificate.der,
            to_sql(now.0)
        ],
    )?;
    connection.execute(
        "UPDATE sites SET status = 'active', joined_at = coalesce(joined_at, ?) WHERE name = ?",
        params![to_sql(now.0), site.as_str()],
    )?;
    Ok(())
}

type TokenRow = (SiteId, Timestamp, Option<SerialNumber>);

/// Looks a token up by its hash. The index compares SHA-256 values of a 256-bit secret, whose prefix
/// tells a guesser nothing about the secret; the final comparison is in constant time all the same.
fn find_token(connection: &Connection, token: &TokenHash) -> Result<Option<TokenRow>, StoreError> {
    let query = "SELECT hash, site, expires_at, consumed_by FROM tokens WHERE hash = ?";
    let read = |row: &rusqlite::Row<'_>| {
        let stored = TokenHash::from_bytes(row.get(0)?);
        Ok((stored, row.get::<_, String>(1)?, row.get::<_, i64>(2)?, row.get::<_, Option<[u8; 16]>>(3)?))
    };
    let found = connection.query_row(query, [token.as_bytes()], read).optional()?;
    let Some((_, site, expires_at, consumed_by)) = found.filter(|(stored, ..)| stored == token) else {
        return Ok(None);
    };
    let consumed_by = consumed_by.map(SerialNumber::from_bytes);
    Ok(Some((site_id(&site)?, Timestamp(from_sql(expires_at)), consumed_by)))
}

pub(super) fn certificate(
    connection: &Connection,
    serial: SerialNumber,
) -> Result<Option<Certificate>, StoreError> {
    let query = "SELECT key_pin, der FROM certificates WHERE serial = ?";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Certificate { serial, key: SpkiPin::from_bytes(row.get(0)?), der: row.get(1)? })
    };
    Ok(connection.query_row(query, [serial.as_bytes()], read).optional()?)
}

fn status(connection: &Connection, site: &SiteId) -> Result<Option<SiteStatus>, StoreError> {
    let query = "SELECT status FROM sites WHERE name = ?";
    let word = connection.query_row(query, [site.as_str()], |row| row.get::<_, String>(0)).optional()?;
    word.map(|word| SiteStatus::parse(&word, None)).transpose()
}

fn site_id(name: &str) -> Result<SiteId, StoreError> {
    name.parse().map_err(|_| StoreError::Corrupt(format!("site name `{name}`")))
}
