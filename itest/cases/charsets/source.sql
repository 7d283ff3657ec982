-- Statements in other character sets than UTF-8, in the migration and outside of it.
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(10) CHARACTER SET latin1);
INSERT INTO t VALUES (1, 'a');
CREATE DATABASE charsets__other;
