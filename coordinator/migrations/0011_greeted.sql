-- The number of the newest greeting in the count that goes on: a frame below it was sent on an older connection, and is not
-- counted any more. 0 where there was none.
ALTER TABLE frame_totals ADD COLUMN greeted INTEGER NOT NULL DEFAULT 0;
UPDATE frame_totals SET greeted = ifnull((SELECT max(sequence) FROM frames
    WHERE frames.site = frame_totals.site AND frames.kind = 'hello' AND frames.id >= counted_from), 0);
