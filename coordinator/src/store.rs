//! Durable facts in SQLite. Used by every part that must survive a crash, always from blocking
//! threads. Invariants: a method that returns `Ok` has committed (WAL, synchronous=FULL); the journal's
//! hash chain is verified when it is read; no table holds a token, a key or a record's text.

mod database;
mod enrolment;
mod error;
mod frames;
mod journal;
mod overlap;
mod presence;
mod reserve;
mod sqlite;
mod updates;

pub use self::database::Store;
pub use self::enrolment::{Certificate, Enrolled, SiteRow, SiteStatus};
pub use self::error::StoreError;
pub use self::frames::{FrameRefusal, FrameTotals, ReceivedFrame};
pub use self::journal::JournalRow;
pub use self::updates::{Offer, Progress};

#[cfg(test)]
mod tests;
