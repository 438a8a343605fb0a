-- One row for each rule that the daemon looks after: the due time that was taken up last, and how far that is. `attempts` is also
-- the token by which one daemon at a time takes it up. The id is a digest of policy and rule.
CREATE TABLE IF NOT EXISTS tenure_due (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    policy LONGTEXT NOT NULL,
    rule LONGTEXT NOT NULL,
    due BIGINT NOT NULL,
    state VARCHAR(32) NOT NULL,
    attempts BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    holder LONGTEXT,
    run VARCHAR(128)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
