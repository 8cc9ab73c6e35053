//! The tables of the site's database. Used by `store`, which makes them where they are missing. Invariant: a
//! table or column is only ever added, so that a database of an older version opens.

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS updates (
    run BLOB NOT NULL, round INTEGER NOT NULL,
    digest BLOB NOT NULL, bytes INTEGER NOT NULL, records INTEGER NOT NULL, tokens INTEGER NOT NULL,
    loss REAL NOT NULL, prepared_ms INTEGER NOT NULL,
    receipt BLOB, received_ms INTEGER, declined INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, round)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempts (
    run BLOB NOT NULL, round INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0, given_up BLOB,
    PRIMARY KEY (run, round)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS overlap (
    run BLOB NOT NULL PRIMARY KEY, digest BLOB NOT NULL, points INTEGER NOT NULL, prepared_ms INTEGER NOT NULL,
    compared INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken (
    run BLOB NOT NULL PRIMARY KEY, adapter BLOB NOT NULL, norms BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    run BLOB NOT NULL PRIMARY KEY, manifest BLOB, first_ms INTEGER NOT NULL, is_over INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rounds (
    run BLOB NOT NULL, round INTEGER NOT NULL,
    starts INTEGER NOT NULL DEFAULT 0, ready_records INTEGER,
    total_steps INTEGER, part INTEGER, loss_milli INTEGER,
    sent_bytes INTEGER NOT NULL DEFAULT 0, sent_since_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, round)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken_ledger (
    id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, root BLOB NOT NULL, at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ledger_epochs (
    id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
    set_aside BLOB NOT NULL, signature BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS own_keys (key BLOB NOT NULL PRIMARY KEY, since_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS made (
    run BLOB NOT NULL, round INTEGER NOT NULL,
    adapter BLOB NOT NULL, adapter_bytes INTEGER NOT NULL, mantissa_bits INTEGER NOT NULL,
    validation_share REAL NOT NULL, computed_on INTEGER NOT NULL, machine TEXT NOT NULL, version TEXT NOT NULL,
    made_ms INTEGER NOT NULL, kept INTEGER NOT NULL,
    PRIMARY KEY (run, round)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS odd_offsets (
    run BLOB NOT NULL, round INTEGER NOT NULL, offset INTEGER NOT NULL,
    PRIMARY KEY (run, round, offset)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replays (
    id INTEGER PRIMARY KEY, run BLOB NOT NULL, round INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    verdict INTEGER NOT NULL, digest BLOB
) STRICT;
PRAGMA user_version = 1;
";

/// What was decided about runs.
pub(super) const CONSENT: &str = "
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY, run BLOB NOT NULL, manifest BLOB NOT NULL, choice INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, signature BLOB, policy BLOB,
    noted INTEGER NOT NULL DEFAULT 0, told INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS decisions_of_a_run ON decisions (run);
CREATE TABLE IF NOT EXISTS policies (
    digest BLOB NOT NULL PRIMARY KEY, at_ms INTEGER NOT NULL, signature BLOB NOT NULL
) STRICT, WITHOUT ROWID;
";
