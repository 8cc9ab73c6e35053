-- Two frames with one number: a part of the site's ledger was cut off, or two agents go on from copies of its folder.
-- The number, where a frame came under one that another frame of this count had: no proof lifts that.
ALTER TABLE ledger_questions ADD COLUMN repeated INTEGER;

-- The first frame (its id) of the count that goes on. Where a count began anew before this column was there, the
-- frames before now are not looked at.
ALTER TABLE frame_totals ADD COLUMN counted_from INTEGER NOT NULL DEFAULT 0;
UPDATE frame_totals SET counted_from = (SELECT ifnull(max(id), 0) + 1 FROM frames)
WHERE site IN (SELECT site FROM ledger_decisions) OR EXISTS (SELECT 1 FROM forgotten WHERE accepted_at IS NOT NULL)
   OR frames < (SELECT count(*) FROM frames WHERE frames.site = frame_totals.site);
