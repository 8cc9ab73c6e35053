-- What each site said last of its ledger, and what does not fit.

-- Size and root of the newest ledger that was shown to extend the ones before.
CREATE TABLE ledger_heads (
    site        TEXT    NOT NULL PRIMARY KEY REFERENCES sites (name),
    size        INTEGER NOT NULL,
    root        BLOB    NOT NULL CHECK (length(root) = 32),
    at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A ledger that was announced and does not extend it, or not yet: while the row is there, the site gets no answer.
CREATE TABLE ledger_questions (
    site        TEXT    NOT NULL PRIMARY KEY REFERENCES sites (name),
    size        INTEGER NOT NULL,
    root        BLOB    NOT NULL CHECK (length(root) = 32),
    -- 0: a proof was asked for; 1: the proof failed, or there can be none.
    refused     INTEGER NOT NULL CHECK (refused IN (0, 1)),
    since       INTEGER NOT NULL,
    -- When size and root were written last.
    at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Ledgers that a person accepted in place of another one.
CREATE TABLE ledger_decisions (
    id          INTEGER NOT NULL PRIMARY KEY,
    site        TEXT    NOT NULL REFERENCES sites (name),
    kept_size   INTEGER,
    kept_root   BLOB    CHECK (length(kept_root) = 32),
    size        INTEGER NOT NULL,
    root        BLOB    NOT NULL CHECK (length(root) = 32),
    since       INTEGER NOT NULL,
    at          INTEGER NOT NULL
) STRICT;

-- Receipts that we signed and do not know: we were restored from an older copy. While a row is not accepted,
-- nobody gets an answer.
CREATE TABLE forgotten (
    site        TEXT    NOT NULL REFERENCES sites (name),
    run         BLOB    NOT NULL CHECK (length(run) = 8),
    round       INTEGER NOT NULL,
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    shown_at    INTEGER NOT NULL,
    accepted_at INTEGER,
    PRIMARY KEY (site, run, round)
) STRICT, WITHOUT ROWID;
