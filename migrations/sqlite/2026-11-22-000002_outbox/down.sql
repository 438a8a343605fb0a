DROP TABLE tenure_outbox;
