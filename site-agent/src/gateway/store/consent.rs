//! What was decided here about runs, and which policies the officer signed. Used by the subcommands
//! `approve`, `decline`, `withdraw` and `policy sign`, which write it, by the gateway, which writes what a
//! signed policy decides, and by `gateway::consent`, which says what of it holds.
//!
//! Invariant: a decision is never changed, only followed by another one.

use common::id::{Digest, RunId};
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Store, from_sql, to_sql};
use crate::error::SiteError;

/// What somebody chose about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// To take part.
    Approved,
    /// Not to.
    Declined,
    /// No longer to. Final.
    Withdrawn,
    /// The policy does not allow it.
    OutsidePolicy,
}

impl Choice {
    /// Every choice; its place is its number in the database.
    const ALL: [Self; 4] = [Self::Approved, Self::Declined, Self::Withdrawn, Self::OutsidePolicy];

    /// The word for it in tables and in `--json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::OutsidePolicy => "outside-policy",
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Approved => 0,
            Self::Declined => 1,
            Self::Withdrawn => 2,
            Self::OutsidePolicy => 3,
        }
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDecision {
    /// Its number, in the order in which they were made.
    pub id: i64,
    /// About which run.
    pub run: RunId,
    /// On exactly which terms: the digest of the manifest file.
    pub manifest: Digest,
    /// What.
    pub choice: Choice,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The officer's signature over it.
    pub signature: Option<[u8; 64]>,
    /// The policy that decided, where no person did.
    pub policy: Option<Digest>,
    /// Whether the ledger has it.
    pub noted: bool,
    /// Whether the coordinator has heard of it.
    pub told: bool,
}

impl RunDecision {
    /// One that nobody has signed or heard of, without a time.
    #[must_use]
    pub fn new(run: RunId, manifest: Digest, choice: Choice) -> Self {
        Self {
            id: 0,
            run,
            manifest,
            choice,
            at_ms: 0,
            signature: None,
            policy: None,
            noted: false,
            told: false,
        }
    }
}

/// A run that the coordinator proposed to this site, or handed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposedRun {
    /// Which.
    pub run: RunId,
    /// The digest of its manifest file, in the inbox.
    pub manifest: Digest,
    /// When this site first heard of it, in milliseconds since 1970.
    pub first_ms: u64,
    /// Whether it is over.
    pub is_over: bool,
}

const COLUMNS: &str = "id, run, manifest, choice, at_ms, signature, policy, noted, told";

impl Store {
    /// Records a decision. `noted` and `told` of the given one are not looked at: nobody has heard of it.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_decision(&mut self, decision: &RunDecision) -> Result<(), SiteError> {
        self.connection.execute(
            "INSERT INTO decisions (run, manifest, choice, at_ms, signature, policy)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                decision.run.0,
                decision.manifest.0,
                decision.choice.number(),
                to_sql(decision.at_ms),
                decision.signature.as_ref().map(<[u8; 64]>::as_slice),
                decision.policy.as_ref().map(|digest| digest.0),
            ],
        )?;
        Ok(())
    }

    /// The decisions about a run, oldest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn decisions(&self, run: RunId) -> Result<Vec<RunDecision>, SiteError> {
        if !self.has_table("decisions")? {
            return Ok(Vec::new());
        }
        let query = format!("SELECT {COLUMNS} FROM decisions WHERE run = ?1 ORDER BY id");
        let mut statement = self.connection.prepare(&query)?;
        let rows = statement.query_map([run.0], read_decision)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The decisions that the ledger or the coordinator has not heard of, oldest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn untold_decisions(&self) -> Result<Vec<RunDecision>, SiteError> {
        let query = format!("SELECT {COLUMNS} FROM decisions WHERE noted = 0 OR told = 0 ORDER BY id");
        let mut statement = self.connection.prepare(&query)?;
        let rows = statement.query_map([], read_decision)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The ledger has it.
    ///
    /// # Errors
    /// `Store`.
    pub fn decision_noted(&mut self, id: i64) -> Result<(), SiteError> {
        self.connection.execute("UPDATE decisions SET noted = 1 WHERE id = ?1", [id])?;
        Ok(())
    }

    /// The coordinator has heard of it, or nobody needs to.
    ///
    /// # Errors
    /// `Store`.
    pub fn decision_told(&mut self, id: i64) -> Result<(), SiteError> {
        self.connection.execute("UPDATE decisions SET told = 1 WHERE id = ?1", [id])?;
        Ok(())
    }

    /// The newest decision about a run is told once more.
    ///
    /// # Errors
    /// `Store`.
    pub fn tell_again(&mut self, run: RunId) -> Result<(), SiteError> {
        let newest =
            "UPDATE decisions SET told = 0 WHERE id = (SELECT MAX(id) FROM decisions WHERE run = ?1)";
        self.connection.execute(newest, [run.0])?;
        Ok(())
    }

    /// Records the officer's signature under a policy.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_policy(
        &mut self,
        policy: Digest,
        signature: &[u8; 64],
        now_ms: u64,
    ) -> Result<(), SiteError> {
        self.connection.execute(
            "INSERT OR REPLACE INTO policies (digest, at_ms, signature) VALUES (?1, ?2, ?3)",
            params![policy.0, to_sql(now_ms), signature.as_slice()],
        )?;
        Ok(())
    }

    /// The officer's signature under a policy, if there is one.
    ///
    /// # Errors
    /// `Store`.
    pub fn policy_signature(&self, policy: Digest) -> Result<Option<[u8; 64]>, SiteError> {
        if !self.has_table("policies")? {
            return Ok(None);
        }
        let query = "SELECT signature FROM policies WHERE digest = ?1";
        Ok(self.connection.query_row(query, [policy.0], |row| row.get(0)).optional()?)
    }

    /// The runs that this site has heard of, newest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn proposed_runs(&self) -> Result<Vec<ProposedRun>, SiteError> {
        // A database of an older version, opened to look.
        if !self.has_table("runs")? {
            return Ok(Vec::new());
        }
        let query = "SELECT run, manifest, first_ms, is_over FROM runs WHERE manifest IS NOT NULL
                     ORDER BY first_ms DESC, run";
        let mut statement = self.connection.prepare(query)?;
        let read = |row: &Row<'_>| {
            Ok(ProposedRun {
                run: RunId(row.get(0)?),
                manifest: Digest(row.get(1)?),
                first_ms: from_sql(row.get(2)?),
                is_over: row.get(3)?,
            })
        };
        let rows = statement.query_map([], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn read_decision(row: &Row<'_>) -> rusqlite::Result<RunDecision> {
    let number: i64 = row.get(3)?;
    let known = usize::try_from(number).ok().and_then(|number| Choice::ALL.get(number).copied());
    let policy: Option<[u8; 32]> = row.get(6)?;
    Ok(RunDecision {
        id: row.get(0)?,
        run: RunId(row.get(1)?),
        manifest: Digest(row.get(2)?),
        choice: known.ok_or(rusqlite::Error::IntegralValueOutOfRange(3, number))?,
        at_ms: from_sql(row.get(4)?),
        signature: row.get(5)?,
        policy: policy.map(Digest),
        noted: row.get(7)?,
        told: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_follow_each_other_and_are_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        let run = RunId([1; 8]);
        let mut made = Vec::new();
        for (id, choice) in (1..).zip(Choice::ALL) {
            let decision = RunDecision {
                id,
                run,
                manifest: Digest([2; 32]),
                choice,
                at_ms: 7,
                signature: (id == 1).then_some([3; 64]),
                policy: (id == 2).then_some(Digest([4; 32])),
                noted: false,
                told: false,
            };
            store.record_decision(&decision).unwrap();
            made.push(decision);
        }
        assert_eq!(store.decisions(run).unwrap(), made);
        assert!(store.decisions(RunId([9; 8])).unwrap().is_empty());
        store.decision_noted(1).unwrap();
        assert_eq!(store.untold_decisions().unwrap().len(), 4);
        store.decision_told(1).unwrap();
        assert_eq!(store.untold_decisions().unwrap()[0].id, 2);
    }

    #[test]
    fn a_policys_signature_is_found_by_the_policy() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        store.record_policy(Digest([1; 32]), &[5; 64], 7).unwrap();
        assert_eq!(store.policy_signature(Digest([1; 32])).unwrap(), Some([5; 64]));
        assert_eq!(store.policy_signature(Digest([2; 32])).unwrap(), None);
    }
}
