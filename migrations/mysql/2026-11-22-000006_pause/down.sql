DELETE FROM tenure_gate WHERE rule = 'orders';
DROP TABLE tenure_pause;
