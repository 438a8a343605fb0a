DROP TABLE tenure.due;
