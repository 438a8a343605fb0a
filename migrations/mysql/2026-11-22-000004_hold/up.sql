-- One row for each hold that somebody added by hand; it stays when the hold has ended. What it asks for may name a person, so
-- it is forgotten with its salt when the hold ends: the ledger's entries hold a digest of both.
CREATE TABLE IF NOT EXISTS tenure_hold (
    number BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    target VARCHAR(255) NOT NULL,
    asks LONGTEXT,
    salt VARCHAR(64),
    last_day VARCHAR(32),
    reason LONGTEXT NOT NULL,
    added BIGINT NOT NULL,
    added_by VARCHAR(255) NOT NULL,
    ended BIGINT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
