-- Rows that come with a tablespace are in no binlog.
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB;
INSERT INTO t VALUES (1, 1);
