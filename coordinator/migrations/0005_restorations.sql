-- When an operator accepted that we were restored from an older copy. Receipts of counts that ended then prove nothing new.
CREATE TABLE restorations (
    at          INTEGER NOT NULL
) STRICT;

INSERT INTO restorations (at)
    SELECT accepted_at FROM forgotten WHERE accepted_at IS NOT NULL ORDER BY accepted_at DESC LIMIT 1;

-- Of which count of the site's frames the receipt is; not known of older rows.
ALTER TABLE forgotten ADD COLUMN first_sequence INTEGER;
