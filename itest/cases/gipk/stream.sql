INSERT INTO t (v, s) VALUES (3, 'c'), (1, 'a');
UPDATE t SET s = 'x' WHERE v = 1 LIMIT 1;
DELETE FROM t WHERE v = 1 LIMIT 1;
SET SESSION sql_generate_invisible_primary_key = ON;
CREATE TABLE u (v INT);
INSERT INTO u (v) VALUES (5), (5), (6);
DELETE FROM u WHERE v = 5 LIMIT 1;
