-- generated_columns=PLAIN: all of them carry the source's value.
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, a INT, v INT AS (a + 1) VIRTUAL, s INT AS (a * 2) STORED, h VARCHAR(30) AS (CONCAT('v', a)) VIRTUAL, UNIQUE KEY v (v));
INSERT INTO t (id, a) VALUES (1, 1), (2, NULL), (3, 7);
