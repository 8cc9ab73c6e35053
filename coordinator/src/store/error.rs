//! Why a fact was not stored or read. Used by everything in `store`, by `crate::error`, which adds the hints,
//! and by `enrolment`, which tells a joining site less. Invariant: [`StoreError::Corrupt`], whose hint is to
//! restore a backup, is said of the database only.

/// Why a fact was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Two certificates for one token: the token was used with another key.
    #[error("the join token was already used with another key")]
    TokenUsed,
    /// No such token.
    #[error("the join token is not known")]
    TokenUnknown,
    /// The token's time is over.
    #[error("the join token has expired")]
    TokenExpired,
    /// The database contradicts itself. No retry.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// No room. A retry helps once there is.
    #[error("the disk is full")]
    Full,
    /// Another process has it.
    #[error("the database is in use by another process")]
    InUse,
    /// Written by a newer version of this program.
    #[error("the database has schema version {found}, but this program knows {known}")]
    Newer {
        /// In the file.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The file system of the state folder cannot hold the database. No retry.
    #[error("this file system cannot hold a WAL database")]
    NoWriteAheadLog,
    /// The program was built with a version of SQLite that can lose data. No retry.
    #[error("SQLite {0} has a known WAL bug")]
    SqliteTooOld(&'static str),
    /// Anything else SQLite says.
    #[error("database: {0}")]
    Sqlite(rusqlite::Error),
    /// The certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(String),
    /// The key was certified before, for this site or another one.
    #[error("the key was certified before")]
    KeyUsed,
    /// It has had all the certificates that one may have in a day, or a revocation list might have no room.
    #[error("it has had as many certificates as a member may have for now")]
    TooManyCertificates,
    /// As many members as a revocation list has room for had a certificate in the time that it covers.
    #[error("as many members as a revocation list has room for have had certificates in the last 404 days")]
    TooManyMembers,
    /// As many sites as a consortium has.
    #[error("there are as many sites as a consortium has")]
    TooManySites,
    /// An operator or auditor was revoked; the person needs a new name.
    #[error("{0} is revoked")]
    HolderRevoked(String),
    /// The name is taken by the other role.
    #[error("{0} has the role {1}, and a name keeps its role")]
    OtherRole(String, certs::Role),
    /// As many operators and auditors as there may be.
    #[error("there are as many operators, auditors and witnesses as there may be")]
    TooManyHolders,
    /// The site was revoked; it needs a new name or a decision.
    #[error("site {0} is revoked")]
    SiteRevoked(String),
}

impl StoreError {
    /// Whether the operator can mend it, as opposed to a fault of ours.
    pub fn is_user_error(&self) -> bool {
        !matches!(self, Self::Sqlite(_) | Self::Certificate(_) | Self::SqliteTooOld(_))
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full | Self::InUse | Self::TooManyCertificates)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Self::InUse,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Sqlite(error),
        }
    }
}
