-- MySQL commits each statement by itself: whoever is cut off between two of them must be able to begin again.
-- Times are microseconds since 1970 in UTC. No column holds a value of an application's row.

-- One row a run. `plan` is what it set out to do; `record` what came of it, once it was closed.
CREATE TABLE IF NOT EXISTS tenure_run (
    id VARCHAR(128) NOT NULL PRIMARY KEY,
    holder LONGTEXT NOT NULL,
    started BIGINT NOT NULL,
    finished BIGINT,
    plan LONGTEXT NOT NULL,
    record LONGTEXT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row a batch, written in the transaction that does the batch. The program makes the id, so that after a
-- connection lost at COMMIT its presence tells the outcome.
CREATE TABLE IF NOT EXISTS tenure_batch (
    id VARCHAR(128) NOT NULL PRIMARY KEY,
    run VARCHAR(128) NOT NULL,
    rule VARCHAR(128) NOT NULL,
    at BIGINT NOT NULL,
    done BIGINT NOT NULL,
    rolled_up BIGINT NOT NULL,
    consequences LONGTEXT NOT NULL,
    INDEX tenure_batch_of_run (run)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row a rule: who may work on it. A batch shares a lock on its row and compares the token; a takeover raises it.
CREATE TABLE IF NOT EXISTS tenure_gate (
    rule VARCHAR(128) NOT NULL PRIMARY KEY,
    token BIGINT NOT NULL,
    run VARCHAR(128),
    holder LONGTEXT,
    seen BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The chain: each entry's hash covers its own fields and the hash before it.
CREATE TABLE IF NOT EXISTS tenure_entry (
    number BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind VARCHAR(128) NOT NULL,
    run VARCHAR(128),
    body LONGTEXT NOT NULL,
    previous VARCHAR(128) NOT NULL,
    hash VARCHAR(128) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
