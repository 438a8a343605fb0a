DROP TABLE tenure.erasure;
