-- The first half of an XA transaction is not known to commit.
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT);
INSERT INTO t VALUES (1, 1);
