//! What this site says of a run's result on its own held-out records, as it is in the site's database. Called
//! by `agent_loop::scoring`. Invariant: what is noted first is a run's only answer, so that every retry sends
//! the same.

use common::id::RunId;
use common::wire::codec;
use common::wire::own_scores::OwnScores;
use rusqlite::{OptionalExtension as _, params};

use super::Store;
use crate::error::SiteError;

impl Store {
    /// What was noted of this run, if anything was.
    ///
    /// # Errors
    /// `Store`; `Internal` when the row is not what was written.
    pub fn own_scores(&self, run: RunId) -> Result<Option<OwnScores>, SiteError> {
        let query = "SELECT said FROM own_scores WHERE run = ?1";
        let found = self.connection.query_row(query, [run.0], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        let read = |bytes: Vec<u8>| {
            codec::decode(&bytes).map_err(|error| SiteError::Internal(format!("own scores: {error}")))
        };
        found.map(read).transpose()
    }

    /// Notes what is said of this run, unless something was; returns what counts.
    ///
    /// # Errors
    /// As [`Self::own_scores`].
    pub fn first_own_scores(&mut self, run: RunId, said: OwnScores) -> Result<OwnScores, SiteError> {
        let bytes = codec::encode(&said).map_err(|error| SiteError::Internal(error.to_string()))?;
        self.connection.execute(
            "INSERT INTO own_scores (run, said) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![run.0, bytes],
        )?;
        Ok(self.own_scores(run)?.unwrap_or(said))
    }
}

#[cfg(test)]
mod tests {
    use common::wire::own_scores::{Measured, NoScores};

    use super::*;

    #[test]
    fn what_is_noted_first_is_what_is_said_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.db");
        let (run, other) = (RunId([1; 8]), RunId([2; 8]));
        let measured = OwnScores::Measured(Measured::of(25, 5.0, 4.0, [0.5, 1.5]));
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.own_scores(run).unwrap(), None);
        assert_eq!(store.first_own_scores(run, measured).unwrap(), measured);
        drop(store);
        let mut store = Store::open(&path).unwrap();
        let failed = OwnScores::NotMeasured(NoScores::Failed);
        assert_eq!(store.first_own_scores(run, failed).unwrap(), measured);
        assert_eq!(store.own_scores(run).unwrap(), Some(measured));
        assert_eq!(store.own_scores(other).unwrap(), None);
    }
}
