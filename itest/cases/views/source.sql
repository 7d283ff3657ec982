-- Views have the names of tables, and are none of the migration.
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT);
INSERT INTO t VALUES (1, 1);
CREATE VIEW before_start AS SELECT id FROM t;
CREATE VIEW swapped AS SELECT id FROM t;
