-- Times are microseconds since 1970 in UTC. No column holds a value of an application's row.

-- One row a run. `plan` is what it set out to do; `record` what came of it, once it was closed.
CREATE TABLE tenure_run (
    id TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    started INTEGER NOT NULL,
    finished INTEGER,
    plan TEXT NOT NULL,
    record TEXT
) STRICT;

-- One row a batch, written in the transaction that does the batch. The program makes the id, so that after a
-- connection lost at COMMIT its presence tells the outcome.
CREATE TABLE tenure_batch (
    id TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    rule TEXT NOT NULL,
    at INTEGER NOT NULL,
    done INTEGER NOT NULL,
    rolled_up INTEGER NOT NULL,
    consequences TEXT NOT NULL
) STRICT;
CREATE INDEX tenure_batch_of_run ON tenure_batch (run);

-- One row a rule: who may work on it. A batch shares a lock on its row and compares the token; a takeover raises it.
CREATE TABLE tenure_gate (
    rule TEXT NOT NULL PRIMARY KEY,
    token INTEGER NOT NULL,
    run TEXT,
    holder TEXT,
    seen INTEGER NOT NULL
) STRICT;

-- The chain: each entry's hash covers its own fields and the hash before it.
CREATE TABLE tenure_entry (
    number INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    run TEXT,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
