//! What a replay of a round needs besides the records: noted when its update is made. And what replays found.
//! Called by `agent_loop` (writes the first, tidies) and by `site-agent replay`, which writes the second.
//!
//! Invariants: what is noted of a round is noted once; the row of a round outlives its files.

use common::id::{Digest, Round, RunId};
use common::wire::message::RoundKey;
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Store, from_sql, to_sql};
use crate::config::computed_on::ComputedOn;
use crate::error::SiteError;
use crate::limits::{ODD_OFFSETS_MAX, REPLAYS_MAX};

/// What made an update what it is, besides the run's manifest and the records.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    pub key: RoundKey,
    /// The global adapter that its training began with.
    pub adapter: Digest,
    /// Size of that file in bytes.
    pub adapter_bytes: u64,
    /// Mantissa bits that the policy let its values have.
    pub mantissa_bits: u32,
    /// Share of the records that `agent.toml` held out, where the run asked for it.
    pub validation_share: f64,
    /// What rounded its numbers.
    pub computed_on: ComputedOn,
    /// Kind of machine, as the compiler names it.
    pub machine: String,
    /// Version of the program.
    pub version: String,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: u64,
    /// Whether its files are still kept for a replay.
    pub kept: bool,
}

/// How a replay ended, by its number in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same bytes.
    Same,
    /// Other bytes, within the tolerance for another kind of machine or another program.
    Near,
    /// Other bytes.
    Different,
    /// The records are not those of the round.
    OtherRecords,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Same, Self::Near, Self::Different, Self::OtherRecords];

    /// The word in JSON and in the report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same-bytes",
            Self::Near => "within-tolerance",
            Self::Different => "different",
            Self::OtherRecords => "other-records",
        }
    }
}

/// A replay that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    pub key: RoundKey,
    /// When it ended, in milliseconds since 1970.
    pub at_ms: u64,
    pub verdict: Verdict,
    /// SHA-256 of the update that it made; none where it made none.
    pub digest: Option<Digest>,
}

const COLUMNS: &str = "run, round, adapter, adapter_bytes, mantissa_bits, validation_share, computed_on, \
                       machine, version, made_ms, kept";

impl Store {
    /// Notes what made the update of a round, if nothing is noted yet.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_made(&mut self, made: &Made) -> Result<(), SiteError> {
        let number = ComputedOn::ALL.iter().position(|kind| *kind == made.computed_on).unwrap_or(0);
        self.connection.execute(
            &format!(
                "INSERT INTO made ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT DO NOTHING"
            ),
            params![
                made.key.run.0,
                made.key.round.0,
                made.adapter.0,
                to_sql(made.adapter_bytes),
                made.mantissa_bits,
                made.validation_share,
                to_sql(number as u64),
                made.machine,
                made.version,
                to_sql(made.made_ms),
                made.kept
            ],
        )?;
        Ok(())
    }

    /// What made the update of a round.
    ///
    /// # Errors
    /// `Store`.
    pub fn made(&self, key: RoundKey) -> Result<Option<Made>, SiteError> {
        if !self.has_replays()? {
            return Ok(None);
        }
        let query = format!("SELECT {COLUMNS} FROM made WHERE run = ?1 AND round = ?2");
        let found =
            self.connection.query_row(&query, params![key.run.0, key.round.0], read_made).optional()?;
        Ok(found)
    }

    /// The rounds whose files are kept, newest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn kept_for_replay(&self) -> Result<Vec<Made>, SiteError> {
        let query = format!("SELECT {COLUMNS} FROM made WHERE kept = 1 ORDER BY made_ms DESC, round DESC");
        let mut statement = self.connection.prepare(&query)?;
        let rows = statement.query_map([], read_made)?;
        rows.collect::<Result<Vec<_>, _>>().map_err(SiteError::from)
    }

    /// Notes that the files of a round are not kept any more.
    ///
    /// # Errors
    /// `Store`.
    pub fn release_replay(&mut self, key: RoundKey) -> Result<(), SiteError> {
        let statement = "UPDATE made SET kept = 0 WHERE run = ?1 AND round = ?2";
        self.connection.execute(statement, params![key.run.0, key.round.0])?;
        Ok(())
    }

    /// Notes where a chunk of an update began, so that a replay finds it in the ledger; whether there was
    /// room for it.
    ///
    /// # Errors
    /// `Store`.
    pub fn note_odd_offset(&mut self, key: RoundKey, offset: u64) -> Result<bool, SiteError> {
        let noted = self.odd_offsets(key)?;
        if noted.contains(&offset) {
            return Ok(true);
        }
        if noted.len() >= ODD_OFFSETS_MAX {
            return Ok(false);
        }
        self.connection.execute(
            "INSERT INTO odd_offsets (run, round, offset) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![key.run.0, key.round.0, to_sql(offset)],
        )?;
        Ok(true)
    }

    /// What [`Self::note_odd_offset`] noted of a round.
    ///
    /// # Errors
    /// `Store`.
    pub fn odd_offsets(&self, key: RoundKey) -> Result<Vec<u64>, SiteError> {
        let mut statement =
            self.connection.prepare("SELECT offset FROM odd_offsets WHERE run = ?1 AND round = ?2")?;
        let rows = statement.query_map(params![key.run.0, key.round.0], |row| row.get(0).map(from_sql))?;
        rows.collect::<Result<Vec<_>, _>>().map_err(SiteError::from)
    }

    /// Notes how a replay ended; the oldest beyond [`REPLAYS_MAX`] are forgotten.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_replay(&mut self, replayed: &Replayed) -> Result<(), SiteError> {
        let number = Verdict::ALL.iter().position(|verdict| *verdict == replayed.verdict).unwrap_or(0);
        self.connection.execute(
            "INSERT INTO replays (run, round, at_ms, verdict, digest) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                replayed.key.run.0,
                replayed.key.round.0,
                to_sql(replayed.at_ms),
                to_sql(number as u64),
                replayed.digest.map(|digest| digest.0)
            ],
        )?;
        self.connection.execute(
            "DELETE FROM replays WHERE id NOT IN (SELECT id FROM replays ORDER BY id DESC LIMIT ?1)",
            params![to_sql(REPLAYS_MAX as u64)],
        )?;
        Ok(())
    }

    /// The replays that were made here, oldest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn replays(&self) -> Result<Vec<Replayed>, SiteError> {
        if !self.has_replays()? {
            return Ok(Vec::new());
        }
        let mut statement =
            self.connection.prepare("SELECT run, round, at_ms, verdict, digest FROM replays ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            let number = usize::try_from(row.get::<_, i64>(3)?).unwrap_or(usize::MAX);
            Ok(Replayed {
                key: RoundKey { run: RunId(row.get(0)?), round: Round(row.get(1)?) },
                at_ms: from_sql(row.get(2)?),
                verdict: Verdict::ALL.get(number).copied().unwrap_or(Verdict::Different),
                digest: row.get::<_, Option<[u8; 32]>>(4)?.map(Digest),
            })
        })?;
        rows.collect::<Result<Vec<_>, _>>().map_err(SiteError::from)
    }

    /// A database that an older version wrote, and that is only read, has no such tables.
    fn has_replays(&self) -> Result<bool, SiteError> {
        let query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'replays'";
        Ok(self.connection.query_row(query, [], |_| Ok(())).optional()?.is_some())
    }
}

fn read_made(row: &Row<'_>) -> rusqlite::Result<Made> {
    let number = usize::try_from(row.get::<_, i64>(6)?).unwrap_or(usize::MAX);
    Ok(Made {
        key: RoundKey { run: RunId(row.get(0)?), round: Round(row.get(1)?) },
        adapter: Digest(row.get(2)?),
        adapter_bytes: from_sql(row.get(3)?),
        mantissa_bits: row.get(4)?,
        validation_share: row.get(5)?,
        computed_on: ComputedOn::ALL.get(number).copied().unwrap_or(ComputedOn::Portable),
        machine: row.get(7)?,
        version: row.get(8)?,
        made_ms: from_sql(row.get(9)?),
        kept: row.get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: RoundKey = RoundKey { run: RunId([1; 8]), round: Round(2) };

    fn made(round: u32, made_ms: u64) -> Made {
        Made {
            key: RoundKey { round: Round(round), ..KEY },
            adapter: Digest([7; 32]),
            adapter_bytes: 100,
            mantissa_bits: 16,
            validation_share: 0.1,
            computed_on: ComputedOn::Avx2,
            machine: "x86_64".into(),
            version: "1.2.3".into(),
            made_ms,
            kept: true,
        }
    }

    #[test]
    fn what_made_an_update_is_noted_once_and_outlives_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        assert_eq!(store.made(KEY).unwrap(), None);
        for row in [made(1, 10), made(2, 20), Made { mantissa_bits: 9, ..made(2, 30) }] {
            store.record_made(&row).unwrap();
        }
        assert_eq!(store.made(KEY).unwrap(), Some(made(2, 20)));
        assert_eq!(store.kept_for_replay().unwrap(), [made(2, 20), made(1, 10)]);
        store.release_replay(KEY).unwrap();
        assert_eq!(store.kept_for_replay().unwrap(), [made(1, 10)]);
        assert_eq!(store.made(KEY).unwrap(), Some(Made { kept: false, ..made(2, 20) }));
    }

    #[test]
    fn replays_are_remembered_up_to_their_bound() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        for at_ms in 0..REPLAYS_MAX as u64 + 2 {
            let verdict = Verdict::ALL[at_ms as usize % 4];
            let digest = (at_ms % 2 == 0).then_some(Digest([9; 32]));
            store.record_replay(&Replayed { key: KEY, at_ms, verdict, digest }).unwrap();
        }
        let all = store.replays().unwrap();
        assert_eq!((all.len(), all[0].at_ms, all[0].verdict), (REPLAYS_MAX, 2, Verdict::Different));
        assert_eq!((all[0].digest, all[1].digest), (Some(Digest([9; 32])), None));
    }
}
