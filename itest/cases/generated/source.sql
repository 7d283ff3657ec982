-- Generated columns, stored and virtual, in front of, between and behind others.
CREATE TABLE t (g INT AS (a + b) VIRTUAL, id INT NOT NULL PRIMARY KEY, a INT, s INT AS (a * 2) STORED, b INT, h VARCHAR(30) AS (CONCAT('v', a)) VIRTUAL, KEY s (s)) DEFAULT CHARSET=utf8mb4;
INSERT INTO t (id, a, b) VALUES (1, 1, 2), (2, NULL, 3), (3, -1, 1);
CREATE TABLE u (a INT NOT NULL, b INT, c INT AS (a % 10) STORED, PRIMARY KEY (a), UNIQUE KEY c (c));
INSERT INTO u (a, b) VALUES (1, 1), (12, 2), (23, 3);
CREATE TABLE hidden (id INT NOT NULL PRIMARY KEY, secret INT INVISIBLE DEFAULT 7, v INT);
INSERT INTO hidden (id, v) VALUES (1, 1), (2, 2);
INSERT INTO hidden (id, secret, v) VALUES (3, 33, 3);
