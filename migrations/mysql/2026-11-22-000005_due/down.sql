DROP TABLE tenure_due;
