-- One row for each entry that was written with a signing key, in the same transaction.
CREATE TABLE tenure_signature (
    number INTEGER NOT NULL PRIMARY KEY,
    signature TEXT NOT NULL
) STRICT;
