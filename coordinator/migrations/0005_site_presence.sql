-- What a site was last heard of, and whether the operator has paused it.

-- Its first hello: a round does not wait for a site that never said one.
ALTER TABLE sites ADD COLUMN hello_at INTEGER;
-- Its last message that was taken.
ALTER TABLE sites ADD COLUMN seen_at INTEGER;
-- Since when it is paused.
ALTER TABLE sites ADD COLUMN paused_at INTEGER;
UPDATE sites SET
    hello_at = (SELECT min(at) FROM frames WHERE frames.site = sites.name AND frames.kind = 'hello'),
    seen_at  = (SELECT max(at) FROM frames WHERE frames.site = sites.name);

-- What it said last of its condition: version of its program (major * 10^6 + minor * 10^3 + patch), how far its
-- clock was ahead of ours in seconds, whether its disk has less room left than it wants.
ALTER TABLE sites ADD COLUMN version INTEGER;
ALTER TABLE sites ADD COLUMN clock_ahead_s INTEGER;
ALTER TABLE sites ADD COLUMN disk_low INTEGER;
