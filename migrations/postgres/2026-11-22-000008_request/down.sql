DROP TABLE tenure.request;
