-- One row for each request that somebody made for the erasure of a person; it stays when the request is settled. The key of the
-- person is forgotten then, with its salt: the ledger's entries hold a digest of both, and the pseudonym tells whoever has the
-- installation's key who it was.
CREATE TABLE IF NOT EXISTS tenure_request (
    number BIGINT NOT NULL PRIMARY KEY,
    policy VARCHAR(255) NOT NULL,
    person VARCHAR(128) NOT NULL,
    key_id VARCHAR(128) NOT NULL,
    wanted LONGTEXT,
    salt VARCHAR(64),
    category VARCHAR(255),
    reason LONGTEXT NOT NULL,
    asked BIGINT NOT NULL,
    received BIGINT NOT NULL,
    received_by VARCHAR(255) NOT NULL,
    verified BIGINT,
    settled BIGINT,
    outcome VARCHAR(32),
    KEY request_person (person)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
