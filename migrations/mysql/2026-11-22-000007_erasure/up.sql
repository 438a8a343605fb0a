-- One row for what one transaction did to one person's rows, written in that transaction. The person is a pseudonym, and the
-- counts are of rows. `finished` is NULL where more of the person's rows were to follow.
CREATE TABLE IF NOT EXISTS tenure_erasure (
    reference VARCHAR(128) NOT NULL PRIMARY KEY,
    person VARCHAR(128) NOT NULL,
    key_id VARCHAR(128) NOT NULL,
    policy VARCHAR(255) NOT NULL,
    cause VARCHAR(255) NOT NULL,
    asked BIGINT NOT NULL,
    begun BIGINT NOT NULL,
    finished BIGINT,
    run VARCHAR(128) NOT NULL,
    counts LONGTEXT NOT NULL,
    KEY tenure_erasure_of_person (person),
    KEY tenure_erasure_of_run (run, reference)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
