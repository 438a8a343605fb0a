ALTER TABLE tenure.hold DROP COLUMN of_people;
