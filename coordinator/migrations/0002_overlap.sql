-- The comparison of sites' records with the held-out set: how much each site may ask in a run, and what it asked.

-- Points a site declared; it gets no more evaluated, whatever it sends.
CREATE TABLE overlap_declarations (
    run         BLOB    NOT NULL CHECK (length(run) = 8),
    site        TEXT    NOT NULL REFERENCES sites (name),
    points      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (run, site)
) STRICT, WITHOUT ROWID;

-- Batches that were evaluated: first point, and the digest of the points. The points themselves are not kept.
CREATE TABLE overlap_batches (
    run         BLOB    NOT NULL CHECK (length(run) = 8),
    site        TEXT    NOT NULL REFERENCES sites (name),
    first       INTEGER NOT NULL,
    sha256      BLOB    NOT NULL CHECK (length(sha256) = 32),
    at          INTEGER NOT NULL,
    PRIMARY KEY (run, site, first)
) STRICT, WITHOUT ROWID;
