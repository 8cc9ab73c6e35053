-- When an operator accepted that we were restored from an older copy. Receipts of counts that ended then prove nothing new.
CREATE TABLE restorations (
    at          INTEGER NOT NULL
) STRICT;

INSERT INTO restorations (at) SELECT max(accepted_at) FROM forgotten HAVING max(accepted_at) IS NOT NULL;

-- Of which count of the site's frames the receipt is; not known of older rows.
ALTER TABLE forgotten ADD COLUMN first_sequence INTEGER;
