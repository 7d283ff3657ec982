-- Characters that the servers' tables have otherwise than others do.
CREATE TABLE t (id INT PRIMARY KEY);
INSERT INTO t VALUES (1);
