-- One row for each request that somebody made for the erasure of a person; it stays when the request is settled. The key of the
-- person is forgotten then, with its salt: the ledger's entries hold a digest of both, and the pseudonym tells whoever has the
-- installation's key who it was.
CREATE TABLE tenure_request (
    number INTEGER NOT NULL PRIMARY KEY,
    policy TEXT NOT NULL,
    person TEXT NOT NULL,
    key_id TEXT NOT NULL,
    wanted TEXT,
    salt TEXT,
    category TEXT,
    reason TEXT NOT NULL,
    asked INTEGER NOT NULL,
    received INTEGER NOT NULL,
    received_by TEXT NOT NULL,
    verified INTEGER,
    settled INTEGER,
    outcome TEXT
) STRICT;
CREATE INDEX tenure_request_person ON tenure_request (person);
