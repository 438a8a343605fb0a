DROP TABLE tenure.entry;
DROP TABLE tenure.gate;
DROP TABLE tenure.batch;
DROP TABLE tenure.run;
