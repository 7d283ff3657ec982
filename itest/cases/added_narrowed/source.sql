-- TiDB has the value of an added column's default in the definition only.
CREATE TABLE t (id INT PRIMARY KEY);
INSERT INTO t VALUES (1), (2);
CREATE TABLE u (id INT PRIMARY KEY);
INSERT INTO u VALUES (1), (2);
