DROP TABLE tenure_request;
