DELETE FROM tenure.gate WHERE rule = 'orders';
DROP TABLE tenure.pause;
