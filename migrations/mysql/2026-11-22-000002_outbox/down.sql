DROP TABLE IF EXISTS tenure_outbox;
