CREATE TABLE t (id INT PRIMARY KEY, i INT, d INT, v VARCHAR(20), x INT, KEY k (i, x));
INSERT INTO t VALUES (1, 10, 20, 'a', 5), (2, 11, 21, 'b', 6);
