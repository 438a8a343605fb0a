-- One row for each rule that the daemon looks after: the due time that was taken up last, and how far that is. `attempts` is also
-- the token by which one daemon at a time takes it up. The id is a digest of policy and rule.
CREATE TABLE tenure_due (
    id TEXT NOT NULL PRIMARY KEY,
    policy TEXT NOT NULL,
    rule TEXT NOT NULL,
    due INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    holder TEXT,
    run TEXT
) STRICT;
