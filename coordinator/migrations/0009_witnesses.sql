-- The third role of those who are no sites. The tables are made anew: SQLite changes no CHECK. Renaming carries
-- the references along; the old tables go children first.
CREATE TABLE holders_2 (
    name        TEXT    NOT NULL PRIMARY KEY,
    role        TEXT    NOT NULL CHECK (role IN ('operator', 'auditor', 'witness')),
    status      TEXT    NOT NULL CHECK (status IN ('invited', 'active', 'revoked')),
    invited_at  INTEGER NOT NULL,
    joined_at   INTEGER,
    revoked_at  INTEGER,
    -- When its last command came.
    seen_at     INTEGER
) STRICT;
INSERT INTO holders_2 SELECT name, role, status, invited_at, joined_at, revoked_at, seen_at FROM holders;

CREATE TABLE holder_certificates_2 (
    serial      BLOB    NOT NULL PRIMARY KEY CHECK (length(serial) = 16),
    key_pin     BLOB    NOT NULL CHECK (length(key_pin) = 32),
    holder      TEXT    NOT NULL REFERENCES holders_2 (name),
    der         BLOB    NOT NULL,
    issued_at   INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;
INSERT INTO holder_certificates_2
    SELECT serial, key_pin, holder, der, issued_at, revoked_at FROM holder_certificates;

CREATE TABLE holder_tokens_2 (
    hash        BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    holder      TEXT    NOT NULL REFERENCES holders_2 (name),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    consumed_by BLOB    REFERENCES holder_certificates_2 (serial)
) STRICT;
INSERT INTO holder_tokens_2 SELECT hash, holder, created_at, expires_at, consumed_by FROM holder_tokens;

DROP TABLE holder_tokens;
DROP TABLE holder_certificates;
DROP TABLE holders;
ALTER TABLE holders_2 RENAME TO holders;
ALTER TABLE holder_certificates_2 RENAME TO holder_certificates;
ALTER TABLE holder_tokens_2 RENAME TO holder_tokens;
