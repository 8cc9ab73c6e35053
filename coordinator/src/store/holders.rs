//! Operators, auditors and witnesses: people with a certificate, their invitations and their end. Called by
//! `enrolment`, `admin` and the subcommand `operators`. Invariants: as of sites (`enrolment`): a token
//! yields at most one certificate, in the transaction that consumes it; a new one ends the one before; a
//! command is authorised by serial AND key. A name keeps its role for ever, and is not given out again once
//! it was revoked.

use certs::{Role, SerialNumber, SpkiPin, TokenHash};
use common::clock::Timestamp;
use common::id::SiteId;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::database::{Store, from_sql, to_sql};
use super::enrolment::Certificate;
use super::error::StoreError;
use super::presence::moment;
use super::revoked::{OF_HOLDER, must_fit};
use crate::limits::{HOLDER_NAMES_MAX, HOLDERS_MAX, SEEN_MS_MIN};

/// One operator or auditor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderRow {
    /// The name it was invited under.
    pub name: SiteId,
    /// Which of the three.
    pub role: Role,
    /// `invited`, `active` or `revoked`.
    pub status: String,
    /// When it took its newest certificate.
    pub joined_at: Option<Timestamp>,
    /// When its last command came.
    pub seen_at: Option<Timestamp>,
    /// Its newest certificate that counts.
    pub certificate_der: Option<Vec<u8>>,
}

/// The result of [`Store::enrol_holder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolledHolder {
    /// For whom it was made.
    pub name: SiteId,
    /// Which of the three.
    pub role: Role,
    /// The certificate.
    pub certificate: Certificate,
    /// Whether it was recorded now, as opposed to before a crash.
    pub fresh: bool,
}

impl Store {
    /// Records an invitation. The one before, if nobody used it, is withdrawn.
    ///
    /// # Errors
    /// The name is revoked or has the other role, there are [`HOLDERS_MAX`] already or were
    /// [`HOLDER_NAMES_MAX`] ever, or the database cannot be written.
    pub fn invite_holder(
        &self,
        role: Role,
        name: &SiteId,
        token: &TokenHash,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match standing(&transaction, name)? {
            Some((_, status)) if status == "revoked" => {
                return Err(StoreError::HolderRevoked(name.to_string()));
            }
            Some((other, _)) if other != role => return Err(StoreError::OtherRole(name.to_string(), other)),
            Some(_) => {}
            None => {
                let query = "SELECT count(*) FROM holders WHERE status <> 'revoked'";
                let count: i64 = transaction.query_row(query, [], |row| row.get(0))?;
                let ever: i64 =
                    transaction.query_row("SELECT count(*) FROM holders", [], |row| row.get(0))?;
                if from_sql(count) >= HOLDERS_MAX as u64 || from_sql(ever) >= HOLDER_NAMES_MAX as u64 {
                    return Err(StoreError::TooManyHolders);
                }
                transaction.execute(
                    "INSERT INTO holders (name, role, status, invited_at) VALUES (?, ?, 'invited', ?)",
                    params![name.as_str(), role.word(), to_sql(now.0)],
                )?;
            }
        }
        transaction
            .execute("DELETE FROM holder_tokens WHERE holder = ? AND consumed_by IS NULL", [name.as_str()])?;
        transaction.execute(
            "INSERT INTO holder_tokens (hash, holder, created_at, expires_at) VALUES (?, ?, ?, ?)",
            params![token.as_bytes(), name.as_str(), to_sql(now.0), to_sql(expires_at.0)],
        )?;
        Ok(transaction.commit()?)
    }

    /// Consumes `token`, which must be for the holder called `named`, for the key `key`; as
    /// [`Store::enrol`].
    ///
    /// # Errors
    /// As [`Store::enrol`].
    pub fn enrol_holder(
        &self,
        token: &TokenHash,
        named: &str,
        key: SpkiPin,
        now: Timestamp,
        sign: impl FnOnce(Role, &SiteId) -> Result<Certificate, StoreError>,
    ) -> Result<EnrolledHolder, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let query = "SELECT hash, holder, expires_at, consumed_by FROM holder_tokens WHERE hash = ?";
        let read = |row: &rusqlite::Row<'_>| {
            let stored = TokenHash::from_bytes(row.get(0)?);
            Ok((stored, row.get::<_, String>(1)?, row.get::<_, i64>(2)?, row.get::<_, Option<[u8; 16]>>(3)?))
        };
        let found = transaction.query_row(query, [token.as_bytes()], read).optional()?;
        let Some((_, name, expires_at, used)) =
            found.filter(|(stored, name, ..)| stored == token && name == named)
        else {
            return Err(StoreError::TokenUnknown);
        };
        let name = holder_name(&name)?;
        let Some((role, status)) = standing(&transaction, &name)? else {
            return Err(StoreError::TokenUnknown);
        };
        if status == "revoked" {
            return Err(StoreError::HolderRevoked(name.to_string()));
        }
        if let Some(serial) = used.map(SerialNumber::from_bytes) {
            let certificate = certificate(&transaction, serial)?;
            return if certificate.key == key {
                Ok(EnrolledHolder { name, role, certificate, fresh: false })
            } else {
                Err(StoreError::TokenUsed)
            };
        }
        if now >= Timestamp(from_sql(expires_at)) {
            return Err(StoreError::TokenExpired);
        }
        let certificate = sign(role, &name)?;
        record(&transaction, &name, &certificate, now)?;
        must_fit(&transaction, OF_HOLDER, &name, now)?;
        transaction.execute(
            "UPDATE holder_tokens SET consumed_by = ? WHERE hash = ?",
            params![certificate.serial.as_bytes(), token.as_bytes()],
        )?;
        transaction.commit()?;
        Ok(EnrolledHolder { name, role, certificate, fresh: true })
    }

    /// Who holds the certificate with this serial and key, if it counts; notes that a command came of it.
    ///
    /// # Errors
    /// The database cannot be used.
    pub fn authorise_holder(
        &self,
        serial: SerialNumber,
        key: SpkiPin,
        now: Timestamp,
    ) -> Result<Option<(Role, SiteId)>, StoreError> {
        let query = "SELECT holders.name, role FROM holder_certificates JOIN holders ON holders.name = holder
                     WHERE serial = ? AND key_pin = ? AND holder_certificates.revoked_at IS NULL
                     AND status = 'active'";
        let connection = self.lock();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let found =
            connection.query_row(query, params![serial.as_bytes(), key.as_bytes()], read).optional()?;
        let Some((name, word)) = found else { return Ok(None) };
        // Once a minute: it is written to the disk, and sites wait for the same database.
        let before = to_sql(now.0.saturating_sub(SEEN_MS_MIN));
        let note =
            "UPDATE holders SET seen_at = ?1 WHERE name = ?2 AND coalesce(seen_at, 0) NOT BETWEEN ?3 AND ?1";
        let seen = connection.execute(note, params![to_sql(now.0), name, before]);
        if let Err(error) = seen {
            // On a full disk, say: who comes to revoke or stop something must get in all the same.
            tracing::warn!(%error, name, "when somebody was seen last could not be noted");
        }
        Ok(Some((role(&word)?, holder_name(&name)?)))
    }

    /// Whether a certificate that does not count any more was one of ours.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn was_holder(&self, serial: SerialNumber, key: SpkiPin) -> Result<bool, StoreError> {
        let query = "SELECT 1 FROM holder_certificates WHERE serial = ? AND key_pin = ?";
        let found = self
            .lock()
            .query_row(query, params![serial.as_bytes(), key.as_bytes()], |_| Ok(()))
            .optional()?;
        Ok(found.is_some())
    }

    /// Ends what a holder has: certificate and open invitations. Returns whether there was one to revoke.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn revoke_holder(&self, name: &SiteId, now: Timestamp) -> Result<bool, StoreError> {
        self.with_reserve(|| {
            let mut connection = self.lock();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let at = to_sql(now.0);
            let changed = transaction.execute(
                "UPDATE holders SET status = 'revoked', revoked_at = ? WHERE name = ? AND status <> 'revoked'",
                params![at, name.as_str()],
            )?;
            transaction.execute(
                "UPDATE holder_certificates SET revoked_at = ? WHERE holder = ? AND revoked_at IS NULL",
                params![at, name.as_str()],
            )?;
            transaction.execute(
                "DELETE FROM holder_tokens WHERE holder = ? AND consumed_by IS NULL",
                [name.as_str()],
            )?;
            transaction.commit()?;
            Ok(changed > 0)
        })
    }

    /// Withdraws what invitations of operators and auditors are open at `now`; returns how many there were.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn withdraw_holders(&self, now: Timestamp) -> Result<usize, StoreError> {
        let open = "DELETE FROM holder_tokens WHERE consumed_by IS NULL AND expires_at > ?";
        Ok(self.lock().execute(open, [to_sql(now.0)])?)
    }

    /// All operators and auditors, by name.
    ///
    /// # Errors
    /// The database cannot be read, or holds a word that this program never writes.
    pub fn holders(&self) -> Result<Vec<HolderRow>, StoreError> {
        let query = "SELECT name, role, status, joined_at, seen_at,
                     (SELECT der FROM holder_certificates WHERE holder = name AND revoked_at IS NULL
                      ORDER BY issued_at DESC LIMIT 1) FROM holders ORDER BY name";
        let connection = self.lock();
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        let mut holders = Vec::new();
        while let Some(row) = rows.next()? {
            holders.push(HolderRow {
                name: holder_name(&row.get::<_, String>(0)?)?,
                role: role(&row.get::<_, String>(1)?)?,
                status: row.get(2)?,
                joined_at: moment(row.get(3)?),
                seen_at: moment(row.get(4)?),
                certificate_der: row.get(5)?,
            });
        }
        Ok(holders)
    }
}

fn record(
    connection: &Connection,
    name: &SiteId,
    certificate: &Certificate,
    now: Timestamp,
) -> Result<(), StoreError> {
    let at = to_sql(now.0);
    connection.execute(
        "UPDATE holder_certificates SET revoked_at = ? WHERE holder = ? AND revoked_at IS NULL",
        params![at, name.as_str()],
    )?;
    let (serial, key) = (certificate.serial.as_bytes(), certificate.key.as_bytes());
    connection.execute(
        "INSERT INTO holder_certificates (serial, key_pin, holder, der, issued_at) VALUES (?, ?, ?, ?, ?)",
        params![serial, key, name.as_str(), certificate.der, at],
    )?;
    connection.execute(
        "UPDATE holders SET status = 'active', joined_at = ? WHERE name = ?",
        params![at, name.as_str()],
    )?;
    Ok(())
}

fn certificate(connection: &Connection, serial: SerialNumber) -> Result<Certificate, StoreError> {
    let query = "SELECT key_pin, der FROM holder_certificates WHERE serial = ?";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Certificate { serial, key: SpkiPin::from_bytes(row.get(0)?), der: row.get(1)? })
    };
    let found = connection.query_row(query, [serial.as_bytes()], read).optional()?;
    found.ok_or_else(|| StoreError::Corrupt("a token's certificate is missing".into()))
}

fn standing(connection: &Connection, name: &SiteId) -> Result<Option<(Role, String)>, StoreError> {
    let query = "SELECT role, status FROM holders WHERE name = ?";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let found = connection.query_row(query, [name.as_str()], read).optional()?;
    found.map(|(word, status)| Ok((role(&word)?, status))).transpose()
}

fn role(word: &str) -> Result<Role, StoreError> {
    word.parse().map_err(|_| StoreError::Corrupt(format!("role `{word}`")))
}

fn holder_name(name: &str) -> Result<SiteId, StoreError> {
    name.parse().map_err(|_| StoreError::Corrupt(format!("operator's name `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(number: u8) -> Certificate {
        let key = SpkiPin::of_spki(&[number]);
        Certificate { serial: SerialNumber::from_random([number; 16]), key, der: vec![number] }
    }

    #[test]
    fn an_invitation_makes_one_certificate_and_a_revocation_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db")).unwrap();
        let anna: SiteId = "anna".parse().unwrap();
        let token = |number| certs::JoinToken::from_bytes([number; 32]).hash();
        let (one, two) = (certificate(1), certificate(2));
        let take = |number, certificate: &Certificate, now| {
            store.enrol_holder(&token(number), "anna", certificate.key, Timestamp(now), |_, _| {
                Ok(certificate.clone())
            })
        };
        let who = |certificate: &Certificate| {
            store.authorise_holder(certificate.serial, certificate.key, Timestamp(9)).unwrap()
        };
        store.invite_holder(Role::Auditor, &anna, &token(1), Timestamp(100), Timestamp(0)).unwrap();
        assert!(take(1, &one, 1).unwrap().fresh && !take(1, &one, 2).unwrap().fresh);
        assert!(matches!(take(1, &two, 2), Err(StoreError::TokenUsed)));
        assert_eq!(who(&one), Some((Role::Auditor, anna.clone())));
        // A site's token is none of theirs, and theirs none of a site's.
        store.invite(&anna, &token(7), Timestamp(100), Timestamp(0)).unwrap();
        assert!(matches!(take(7, &two, 3), Err(StoreError::TokenUnknown)));
        let as_site = store.enrol(&token(1), "anna", one.key, Timestamp(3), |_| Ok(two.clone()));
        assert!(matches!(as_site, Err(StoreError::TokenUnknown)));
        assert_eq!(store.authorise(one.serial, one.key).unwrap(), None, "no site");
        // Once more, on another machine: the older certificate ends. The role stays.
        let other = store.invite_holder(Role::Operator, &anna, &token(2), Timestamp(100), Timestamp(0));
        assert!(matches!(other, Err(StoreError::OtherRole(..))));
        store.invite_holder(Role::Auditor, &anna, &token(2), Timestamp(100), Timestamp(0)).unwrap();
        assert!(matches!(take(2, &two, 100), Err(StoreError::TokenExpired)));
        take(2, &two, 4).unwrap();
        assert_eq!((who(&one), who(&two)), (None, Some((Role::Auditor, anna.clone()))));
        store.lock().execute_batch("PRAGMA query_only = 1").unwrap();
        assert_eq!(who(&two), Some((Role::Auditor, anna.clone())), "a disk that is full shuts nobody out");
        store.lock().execute_batch("PRAGMA query_only = 0").unwrap();
        assert!(store.revoke_holder(&anna, Timestamp(5)).unwrap());
        assert!(!store.revoke_holder(&anna, Timestamp(6)).unwrap());
        assert_eq!(who(&two), None);
        assert!(store.was_holder(two.serial, two.key).unwrap());
        let again = store.invite_holder(Role::Auditor, &anna, &token(3), Timestamp(100), Timestamp(0));
        assert!(matches!(again, Err(StoreError::HolderRevoked(_))));
    }
}
