DROP TABLE tenure_hold;
