DROP TABLE tenure.outbox;
