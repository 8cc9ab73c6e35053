-- The coordinator's durable facts. Adapters are files named by hash; this database says what they mean.
-- Times are milliseconds since 1970. Nothing here ever holds a record's text, a token or a key.

-- A hospital, from its first invitation on.
CREATE TABLE sites (
    name        TEXT    NOT NULL PRIMARY KEY,
    status      TEXT    NOT NULL CHECK (status IN ('invited', 'active', 'revoked')),
    invited_at  INTEGER NOT NULL,
    joined_at   INTEGER,
    revoked_at  INTEGER
) STRICT;

-- Certificates we signed. Every request is checked against serial AND key.
CREATE TABLE certificates (
    serial      BLOB    NOT NULL PRIMARY KEY CHECK (length(serial) = 16),
    key_pin     BLOB    NOT NULL CHECK (length(key_pin) = 32),
    site        TEXT    NOT NULL REFERENCES sites (name),
    der         BLOB    NOT NULL,
    issued_at   INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;
CREATE INDEX certificates_by_site ON certificates (site);

-- One-time join tokens, hashed. consumed_by is set in the transaction that records the certificate.
CREATE TABLE tokens (
    hash        BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    site        TEXT    NOT NULL REFERENCES sites (name),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    consumed_by BLOB    REFERENCES certificates (serial)
) STRICT;

-- The journal: every event that changed a run, chained by hash. State is replay(journal).
CREATE TABLE journal (
    seq         INTEGER NOT NULL PRIMARY KEY,
    run         BLOB    NOT NULL CHECK (length(run) = 8),
    round       INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    prev_hash   BLOB    NOT NULL CHECK (length(prev_hash) = 32),
    hash        BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- Frames received from sites, for reconciliation with their egress ledgers.
CREATE TABLE frames (
    id          INTEGER NOT NULL PRIMARY KEY,
    site        TEXT    NOT NULL REFERENCES sites (name),
    sequence    INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    bytes       INTEGER NOT NULL,
    sha256      BLOB    NOT NULL CHECK (length(sha256) = 32),
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX frames_by_site ON frames (site, sequence);

-- Totals over `frames` per site: what a receipt signs.
CREATE TABLE frame_totals (
    site            TEXT    NOT NULL PRIMARY KEY REFERENCES sites (name),
    first_sequence  INTEGER NOT NULL,
    last_sequence   INTEGER NOT NULL,
    frames          INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    running_hash    BLOB    NOT NULL CHECK (length(running_hash) = 32)
) STRICT;

-- Updates that sites offered: what a commit refers to.
CREATE TABLE offers (
    run         BLOB    NOT NULL,
    round       INTEGER NOT NULL,
    site        TEXT    NOT NULL REFERENCES sites (name),
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    bytes       INTEGER NOT NULL,
    records     INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    loss        REAL    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (run, round, site, digest)
) STRICT, WITHOUT ROWID;

-- Signed receipts, one for each update that counts.
CREATE TABLE receipts (
    run         BLOB    NOT NULL,
    round       INTEGER NOT NULL,
    site        TEXT    NOT NULL REFERENCES sites (name),
    digest      BLOB    NOT NULL,
    receipt     BLOB    NOT NULL,
    PRIMARY KEY (run, round, site)
) STRICT, WITHOUT ROWID;

-- The last progress report of each site in each round: what `status` shows.
CREATE TABLE progress (
    run          BLOB    NOT NULL,
    round        INTEGER NOT NULL,
    site         TEXT    NOT NULL REFERENCES sites (name),
    step         INTEGER NOT NULL,
    total_steps  INTEGER NOT NULL,
    loss         REAL    NOT NULL,
    tokens_per_s INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (run, round, site)
) STRICT, WITHOUT ROWID;
