DROP TABLE tenure.hold;
