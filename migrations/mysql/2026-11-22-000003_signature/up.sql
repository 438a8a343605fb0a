-- One row for each entry that was written with a signing key, in the same transaction.
CREATE TABLE IF NOT EXISTS tenure_signature (
    number BIGINT NOT NULL PRIMARY KEY,
    signature VARCHAR(255) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
