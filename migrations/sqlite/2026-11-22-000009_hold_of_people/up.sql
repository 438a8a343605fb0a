-- A hold on people keeps every row of theirs that the schedule maps, and not only their own.
ALTER TABLE tenure_hold ADD COLUMN of_people INTEGER NOT NULL DEFAULT 0;
