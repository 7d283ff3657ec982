-- Version comments are code for one product and comments for the other.
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT);
INSERT INTO t VALUES (1, 1);
