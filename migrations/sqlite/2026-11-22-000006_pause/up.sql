-- One row for each pause of a rule, or of all rules where both names are NULL; it stays when the pause has ended.
CREATE TABLE tenure_pause (
    number INTEGER NOT NULL PRIMARY KEY,
    policy TEXT,
    rule TEXT,
    expires INTEGER,
    reason TEXT NOT NULL,
    paused INTEGER NOT NULL,
    paused_by TEXT NOT NULL,
    ended INTEGER
) STRICT;

-- Whoever gives an order (a hold, a pause) raises this gate before all others; whoever begins a rule waits for it.
INSERT INTO tenure_gate (rule, token, seen) VALUES ('orders', 0, 0);
