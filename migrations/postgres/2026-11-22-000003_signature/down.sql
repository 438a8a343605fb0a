DROP TABLE tenure.signature;
