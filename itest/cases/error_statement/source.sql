-- Changes that are logged as statements cannot be replicated as rows.
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT);
INSERT INTO t VALUES (1, 1);
