-- One row for what one transaction did to one person's rows, written in that transaction. The person is a pseudonym, and the
-- counts are of rows. `finished` is NULL where more of the person's rows were to follow.
CREATE TABLE tenure_erasure (
    reference TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    key_id TEXT NOT NULL,
    policy TEXT NOT NULL,
    cause TEXT NOT NULL,
    asked INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    finished INTEGER,
    run TEXT NOT NULL,
    counts TEXT NOT NULL
) STRICT;
CREATE INDEX tenure_erasure_of_person ON tenure_erasure (person);
CREATE INDEX tenure_erasure_of_run ON tenure_erasure (run, reference);
