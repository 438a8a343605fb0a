-- The id of a batch and the name of a gate hold two names of up to 100 letters each.
ALTER TABLE tenure_batch MODIFY id VARCHAR(255) NOT NULL, MODIFY rule VARCHAR(255) NOT NULL;
ALTER TABLE tenure_gate MODIFY rule VARCHAR(255) NOT NULL;
ALTER TABLE tenure_erasure MODIFY reference VARCHAR(255) NOT NULL;
-- Who did something may be told with everybody who stands behind them.
ALTER TABLE tenure_hold MODIFY added_by VARCHAR(1024) NOT NULL;
ALTER TABLE tenure_pause MODIFY paused_by VARCHAR(1024) NOT NULL;
ALTER TABLE tenure_request MODIFY received_by VARCHAR(1024) NOT NULL;
