//! Durable facts in SQLite. Used by every part that must survive a crash, always from blocking
//! threads. Invariants: a method that returns `Ok` has committed (WAL, synchronous=FULL); the journal's
//! hash chain is verified when it is read; no table holds a token, a key or a record's text.

mod arrivals;
mod database;
mod enrolment;
mod error;
mod forgotten;
mod frames;
mod holders;
mod journal;
mod ledgers;
mod mark;
mod overlap;
pub mod presence;
mod renewal;
mod reserve;
mod revoked;
mod sqlite;
mod updates;

pub use self::arrivals::ArrivedRow;
pub use self::database::Store;
pub use self::enrolment::{Certificate, Enrolled, InvitationRow, Leaving, SiteRow, SiteStatus};
pub use self::error::StoreError;
pub use self::frames::{FrameRefusal, FrameTotals, ReceivedFrame};
pub use self::holders::{EnrolledHolder, HolderRow};
pub use self::journal::JournalRow;
pub use self::ledgers::{LedgerAnswer, LedgerQuestion};
pub use self::mark::Mark;
pub use self::updates::{Offer, Progress};

#[cfg(test)]
mod tests;
