DROP TABLE tenure_entry;
DROP TABLE tenure_gate;
DROP TABLE tenure_batch;
DROP TABLE tenure_run;
