-- When a site ended its membership by itself: its status is 'revoked' then, too.
ALTER TABLE sites ADD COLUMN left_at INTEGER;
