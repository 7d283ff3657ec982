-- A column that is dropped and added again by one statement keeps its indexes.
CREATE TABLE u (id INT PRIMARY KEY, a INT, b VARCHAR(10), c INT, KEY ka (a), KEY kab (a, b), KEY kb (b(3)));
INSERT INTO u VALUES (1, 1, 'x', 1);
CREATE TABLE g (id INT PRIMARY KEY, a INT, b INT, g BIGINT AS (a + 1) STORED, KEY kg (g));
INSERT INTO g (id, a, b) VALUES (1, 2, 3);
CREATE TABLE h (id INT PRIMARY KEY, a INT, s VARCHAR(20), t VARCHAR(20), UNIQUE KEY ua (a), KEY ks (s), KEY kt (t(5)));
INSERT INTO h VALUES (1, 1, 's', 't');
