-- One row for each hold that somebody added by hand; it stays when the hold has ended. What it asks for may name a person, so
-- it is forgotten with its salt when the hold ends: the ledger's entries hold a digest of both.
CREATE TABLE tenure_hold (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    asks TEXT,
    salt TEXT,
    last_day TEXT,
    reason TEXT NOT NULL,
    added INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    ended INTEGER
) STRICT;
