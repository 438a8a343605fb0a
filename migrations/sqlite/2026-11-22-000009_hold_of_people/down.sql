ALTER TABLE tenure_hold DROP COLUMN of_people;
