-- One row for each hold that somebody added by hand; it stays when the hold has ended. What it asks for may name a person, so
-- it is forgotten with its salt when the hold ends: the ledger's entries hold a digest of both.
CREATE TABLE tenure.hold (
    number BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    asks TEXT,
    salt TEXT,
    last_day TEXT,
    reason TEXT NOT NULL,
    added BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    ended BIGINT
);
