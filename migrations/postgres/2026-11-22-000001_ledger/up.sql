-- Times are microseconds since 1970 in UTC. No column holds a value of an application's row.

-- One row a run. `plan` is what it set out to do; `record` what came of it, once it was closed.
CREATE TABLE tenure.run (
    id TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    started BIGINT NOT NULL,
    finished BIGINT,
    plan TEXT NOT NULL,
    record TEXT
);

-- One row a batch, written in the transaction that does the batch. The program makes the id, so that after a
-- connection lost at COMMIT its presence tells the outcome.
CREATE TABLE tenure.batch (
    id TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    rule TEXT NOT NULL,
    at BIGINT NOT NULL,
    done BIGINT NOT NULL,
    rolled_up BIGINT NOT NULL,
    consequences TEXT NOT NULL
);
CREATE INDEX batch_of_run ON tenure.batch (run);

-- One row a rule: who may work on it. A batch shares a lock on its row and compares the token; a takeover raises it.
CREATE TABLE tenure.gate (
    rule TEXT NOT NULL PRIMARY KEY,
    token BIGINT NOT NULL,
    run TEXT,
    holder TEXT,
    seen BIGINT NOT NULL
);

-- The chain: each entry's hash covers its own fields and the hash before it.
CREATE TABLE tenure.entry (
    number BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    run TEXT,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
