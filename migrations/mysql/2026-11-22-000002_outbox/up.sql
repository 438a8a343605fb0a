-- One row for each recipient of each mail, written in the transaction that closes the run. The mail itself is made from the
-- run's record when it is sent. `attempts` is also the token by which one process at a time may send it.
CREATE TABLE IF NOT EXISTS tenure_outbox (
    id VARCHAR(128) NOT NULL PRIMARY KEY,
    run VARCHAR(128) NOT NULL,
    message_id LONGTEXT NOT NULL,
    sender LONGTEXT NOT NULL,
    addressees LONGTEXT NOT NULL,
    recipient LONGTEXT NOT NULL,
    created BIGINT NOT NULL,
    state VARCHAR(32) NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT NOT NULL,
    settled BIGINT,
    trouble LONGTEXT,
    INDEX tenure_outbox_of_state (state, due)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
