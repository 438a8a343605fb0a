-- One row for each entry that was written with a signing key, in the same transaction.
CREATE TABLE tenure.signature (
    number BIGINT NOT NULL PRIMARY KEY,
    signature TEXT NOT NULL
);
