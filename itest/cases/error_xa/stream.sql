XA START 'itest';
INSERT INTO t VALUES (2, 2);
XA END 'itest';
XA PREPARE 'itest';
XA COMMIT 'itest';
