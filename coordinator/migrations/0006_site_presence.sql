-- What a site was last heard of, and whether the operator has paused it.

-- Its last message that was taken: a round with a quorum does not wait for a site of which none was.
ALTER TABLE sites ADD COLUMN seen_at INTEGER;
-- Since when it is paused.
ALTER TABLE sites ADD COLUMN paused_at INTEGER;
UPDATE sites SET seen_at = (SELECT max(at) FROM frames WHERE frames.site = sites.name);

-- What it said last of its condition: version of its program (major * 10^6 + minor * 10^3 + patch), how far its
-- clock was ahead of ours in seconds, whether its disk has less room left than it wants.
ALTER TABLE sites ADD COLUMN version INTEGER;
ALTER TABLE sites ADD COLUMN clock_ahead_s INTEGER;
ALTER TABLE sites ADD COLUMN disk_low INTEGER;
