-- One row for what one transaction did to one person's rows, written in that transaction. The person is a pseudonym, and the
-- counts are of rows. `finished` is NULL where more of the person's rows were to follow.
CREATE TABLE tenure.erasure (
    reference TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    key_id TEXT NOT NULL,
    policy TEXT NOT NULL,
    cause TEXT NOT NULL,
    asked BIGINT NOT NULL,
    begun BIGINT NOT NULL,
    finished BIGINT,
    run TEXT NOT NULL,
    counts TEXT NOT NULL
);
CREATE INDEX erasure_of_person ON tenure.erasure (person);
CREATE INDEX erasure_of_run ON tenure.erasure (run, reference);
