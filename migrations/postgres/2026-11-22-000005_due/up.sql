-- One row for each rule that the daemon looks after: the due time that was taken up last, and how far that is. `attempts` is also
-- the token by which one daemon at a time takes it up. The id is a digest of policy and rule.
CREATE TABLE tenure.due (
    id TEXT NOT NULL PRIMARY KEY,
    policy TEXT NOT NULL,
    rule TEXT NOT NULL,
    due BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    holder TEXT,
    run TEXT
);
