-- One row for each pause of a rule, or of all rules where both names are NULL; it stays when the pause has ended.
CREATE TABLE IF NOT EXISTS tenure_pause (
    number BIGINT NOT NULL PRIMARY KEY,
    policy LONGTEXT,
    rule LONGTEXT,
    expires BIGINT,
    reason LONGTEXT NOT NULL,
    paused BIGINT NOT NULL,
    paused_by VARCHAR(255) NOT NULL,
    ended BIGINT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Whoever gives an order (a hold, a pause) raises this gate before all others; whoever begins a rule waits for it.
INSERT IGNORE INTO tenure_gate (rule, token, seen) VALUES ('orders', 0, 0);
