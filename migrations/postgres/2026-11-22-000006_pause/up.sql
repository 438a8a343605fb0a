-- One row for each pause of a rule, or of all rules where both names are NULL; it stays when the pause has ended.
CREATE TABLE tenure.pause (
    number BIGINT NOT NULL PRIMARY KEY,
    policy TEXT,
    rule TEXT,
    expires BIGINT,
    reason TEXT NOT NULL,
    paused BIGINT NOT NULL,
    paused_by TEXT NOT NULL,
    ended BIGINT
);

-- Whoever gives an order (a hold, a pause) raises this gate before all others; whoever begins a rule waits for it.
INSERT INTO tenure.gate (rule, token, seen) VALUES ('orders', 0, 0);
