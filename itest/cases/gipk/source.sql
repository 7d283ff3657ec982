-- Primary keys that MySQL makes by itself, visible in the binlog and not in SELECT *.
SET SESSION sql_generate_invisible_primary_key = ON;
CREATE TABLE t (v INT, s VARCHAR(10));
INSERT INTO t (v, s) VALUES (1, 'a'), (1, 'a'), (2, NULL);
CREATE TABLE g (v BIGINT UNSIGNED NOT NULL);
INSERT INTO g (v) VALUES (1), (1), (2);
