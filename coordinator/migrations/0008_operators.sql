-- People who command or read from another machine. Apart from sites: a certificate has one role, and none of the
-- other's facts.
CREATE TABLE holders (
    name        TEXT    NOT NULL PRIMARY KEY,
    role        TEXT    NOT NULL CHECK (role IN ('operator', 'auditor')),
    status      TEXT    NOT NULL CHECK (status IN ('invited', 'active', 'revoked')),
    invited_at  INTEGER NOT NULL,
    joined_at   INTEGER,
    revoked_at  INTEGER,
    -- When its last command came.
    seen_at     INTEGER
) STRICT;

-- Certificates we signed for them. Every command is checked against serial AND key.
CREATE TABLE holder_certificates (
    serial      BLOB    NOT NULL PRIMARY KEY CHECK (length(serial) = 16),
    key_pin     BLOB    NOT NULL CHECK (length(key_pin) = 32),
    holder      TEXT    NOT NULL REFERENCES holders (name),
    der         BLOB    NOT NULL,
    issued_at   INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;

-- One-time tokens, hashed, as those of sites.
CREATE TABLE holder_tokens (
    hash        BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    holder      TEXT    NOT NULL REFERENCES holders (name),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    consumed_by BLOB    REFERENCES holder_certificates (serial)
) STRICT;
