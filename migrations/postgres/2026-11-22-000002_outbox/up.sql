-- One row for each recipient of each mail, written in the transaction that closes the run. The mail itself is made from the
-- run's record when it is sent. `attempts` is also the token by which one process at a time may send it.
CREATE TABLE tenure.outbox (
    id TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    addressees TEXT NOT NULL,
    recipient TEXT NOT NULL,
    created BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT NOT NULL,
    settled BIGINT,
    trouble TEXT
);
CREATE INDEX outbox_of_state ON tenure.outbox (state, due);
