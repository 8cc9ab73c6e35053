-- How many frames a site sent on the day (since 1970) of its last one: what its daily quota counts.
ALTER TABLE frame_totals ADD COLUMN day INTEGER NOT NULL DEFAULT 0;
ALTER TABLE frame_totals ADD COLUMN frames_of_day INTEGER NOT NULL DEFAULT 0;
