-- Databases that come and go, and tables that move between them.
CREATE DATABASE ddl_databases__one DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE ddl_databases__one.t (id INT NOT NULL PRIMARY KEY, v VARCHAR(10));
INSERT INTO ddl_databases__one.t VALUES (1, 'a');
CREATE TABLE here (id INT NOT NULL PRIMARY KEY);
INSERT INTO here VALUES (1);
