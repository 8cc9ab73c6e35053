//! What we signed and do not know: the sign of a coordinator that was restored from an older copy. Called by
//! `requests::ledger` for every receipt that a site shows, and by `server` when it starts.
//!
//! Invariants: from the first such receipt on nobody gets an answer, also after a restart, until an operator
//! has accepted the older copy; a receipt of a count of frames that had ended when they did proves nothing
//! new, and of any other count a site stops us once, however many of its receipts it kept.

use common::clock::Timestamp;
use common::id::SiteId;
use common::wire::message::ReceiptBody;
use rusqlite::{Connection, TransactionBehavior, params};

use super::database::{Store, to_sql};
use super::error::StoreError;

impl Store {
    /// A site shows a receipt that bears our signature. Whether we know its update, or have accepted that we
    /// do not; else it is noted. `is_accepted`: the operator accepts what turns up now.
    ///
    /// # Errors
    /// The database cannot be read or written, or what is left on the disk is for the journal.
    pub fn remembers(
        &self,
        site: &SiteId,
        receipt: &ReceiptBody,
        is_accepted: bool,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        // What is left then is for the journal.
        if self.reserve.is_low() {
            return Err(StoreError::Full);
        }
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if is_known(&transaction, site, receipt)? {
            return Ok(true);
        }
        let accepted_at = is_accepted.then_some(to_sql(at.0));
        transaction.execute(
            "INSERT INTO forgotten (site, run, round, digest, shown_at, accepted_at, first_sequence)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET digest = excluded.digest, shown_at = excluded.shown_at,
             accepted_at = excluded.accepted_at, first_sequence = excluded.first_sequence",
            params![
                site.as_str(),
                receipt.key.run.0,
                receipt.key.round.0,
                receipt.digest.0,
                to_sql(at.0),
                accepted_at,
                to_sql(receipt.first_sequence)
            ],
        )?;
        if is_accepted {
            count_anew(&transaction, at)?;
        }
        transaction.commit()?;
        Ok(is_accepted)
    }

    /// Whether such a receipt is not accepted yet: asked before every request.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_doubted(&self) -> Result<bool, StoreError> {
        let query = "SELECT EXISTS (SELECT 1 FROM forgotten WHERE accepted_at IS NULL)";
        Ok(self.lock().query_row(query, [], |row| row.get(0))?)
    }

    /// The sites that showed a receipt that we signed and do not know, where nobody has accepted that.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn proofs_of_an_older_copy(&self) -> Result<Vec<String>, StoreError> {
        let connection = self.lock();
        let query = "SELECT DISTINCT site FROM forgotten WHERE accepted_at IS NULL ORDER BY site";
        let mut statement = connection.prepare(query)?;
        let sites = statement.query_map([], |row| row.get(0))?;
        Ok(sites.collect::<Result<_, _>>()?)
    }

    /// The operator accepts that we are older than what sites proved. What is counted of every site begins
    /// anew: frames are missing from it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn accept_restored(&self, at: Timestamp) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .execute("UPDATE forgotten SET accepted_at = ? WHERE accepted_at IS NULL", [to_sql(at.0)])?;
        count_anew(&transaction, at)?;
        transaction.commit()?;
        Ok(())
    }
}

/// Whether a receipt is of an update that we have, or proves nothing that nobody has accepted.
fn is_known(connection: &Connection, site: &SiteId, receipt: &ReceiptBody) -> Result<bool, StoreError> {
    let query = "
        SELECT EXISTS (SELECT 1 FROM receipts WHERE site = ?1 AND run = ?2 AND round = ?3 AND digest = ?4)
        OR EXISTS (SELECT 1 FROM forgotten WHERE site = ?1 AND accepted_at IS NOT NULL
                   AND (first_sequence = ?5 OR (run = ?2 AND round = ?3 AND digest = ?4)))
        OR (EXISTS (SELECT 1 FROM restorations)
            AND NOT EXISTS (SELECT 1 FROM frame_totals WHERE site = ?1 AND frames > 0 AND first_sequence <= ?5))";
    let key = params![
        site.as_str(),
        receipt.key.run.0,
        receipt.key.round.0,
        receipt.digest.0,
        to_sql(receipt.first_sequence)
    ];
    Ok(connection.query_row(query, key, |row| row.get(0))?)
}

/// Begins the count of every site's frames anew. The last number stays: numbers only go forward.
fn count_anew(connection: &Connection, at: Timestamp) -> Result<(), StoreError> {
    connection.execute("UPDATE frame_totals SET frames = 0, bytes = 0, running_hash = zeroblob(32)", [])?;
    connection.execute("INSERT INTO restorations (at) VALUES (?)", [to_sql(at.0)])?;
    Ok(())
}
