-- One row for each request that somebody made for the erasure of a person; it stays when the request is settled. The key of the
-- person is forgotten then, with its salt: the ledger's entries hold a digest of both, and the pseudonym tells whoever has the
-- installation's key who it was.
CREATE TABLE tenure.request (
    number BIGINT NOT NULL PRIMARY KEY,
    policy TEXT NOT NULL,
    person TEXT NOT NULL,
    key_id TEXT NOT NULL,
    wanted TEXT,
    salt TEXT,
    category TEXT,
    reason TEXT NOT NULL,
    asked BIGINT NOT NULL,
    received BIGINT NOT NULL,
    received_by TEXT NOT NULL,
    verified BIGINT,
    settled BIGINT,
    outcome TEXT
);
CREATE INDEX request_person ON tenure.request (person);
