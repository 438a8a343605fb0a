DROP TABLE tenure_signature;
