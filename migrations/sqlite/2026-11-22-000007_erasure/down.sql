DROP TABLE tenure_erasure;
