-- Sequences: tables in the binlog, and none of the migration.
CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, v INT);
CREATE SEQUENCE before_start START WITH 100;
CREATE SEQUENCE to_rename;
CREATE SEQUENCE to_drop;
INSERT INTO t VALUES (NEXTVAL(before_start), 1);
