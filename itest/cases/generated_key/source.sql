-- Generated columns in primary keys and partitions; unique keys over expressions.
CREATE TABLE p (a INT NOT NULL, g INT AS (a + 1) STORED NOT NULL, v VARCHAR(9), PRIMARY KEY (g)) DEFAULT CHARSET=utf8mb4;
INSERT INTO p (a, v) VALUES (1, 'x'), (2, 'y'), (3, NULL);
CREATE TABLE q (id INT NOT NULL, s VARCHAR(20) NOT NULL, len INT AS (LENGTH(s)) STORED NOT NULL, PRIMARY KEY (id, len)) DEFAULT CHARSET=latin1 PARTITION BY HASH (len) PARTITIONS 3;
INSERT INTO q (id, s) VALUES (1, 'é'), (2, 'ab'), (3, '');
CREATE TABLE e (id INT NOT NULL PRIMARY KEY, a INT, l VARCHAR(20) CHARACTER SET latin1, UNIQUE KEY x ((a * 2)), UNIQUE KEY y ((LENGTH(l))), UNIQUE KEY z ((LOWER(l)))) DEFAULT CHARSET=utf8mb4;
INSERT INTO e VALUES (1, 1, 'é'), (2, 2, 'ab'), (3, NULL, NULL);
CREATE TABLE nokey (s VARCHAR(20) NOT NULL, j JSON, n INT AS (j->>'$.n') STORED NOT NULL, UNIQUE KEY n (n)) DEFAULT CHARSET=utf8mb4;
INSERT INTO nokey (s, j) VALUES ('a', '{"n": 1}'), ('b', '{"n": 2.0}');
CREATE TABLE defaults (id INT PRIMARY KEY, a INT DEFAULT 3, c INT CHECK (c > 0), d VARCHAR(9), CHECK (d <> 'A'), CHECK (LENGTH(d) < 5)) DEFAULT CHARSET=latin1;
INSERT INTO defaults VALUES (1, 1, 1, 'éé'), (2, 2, NULL, NULL);
