-- A hold on people keeps every row of theirs that the schedule maps, and not only their own. MySQL commits DDL at once and knows no
-- ADD COLUMN IF NOT EXISTS, so that whoever repeats this after a failure looks first.
SET @tenure_change = (
    SELECT IF(COUNT(*) = 0, 'ALTER TABLE tenure_hold ADD COLUMN of_people BIGINT NOT NULL DEFAULT 0', 'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'tenure_hold' AND column_name = 'of_people'
);
PREPARE tenure_change FROM @tenure_change;
EXECUTE tenure_change;
DEALLOCATE PREPARE tenure_change;
