-- Tables that go elsewhere, and tables that stay behind.
CREATE DATABASE routes__other;
CREATE TABLE keep (id INT NOT NULL PRIMARY KEY, v INT);
INSERT INTO keep VALUES (1, 1);
CREATE TABLE skip_me (id INT NOT NULL PRIMARY KEY);
INSERT INTO skip_me VALUES (1);
CREATE TABLE routes__other.t (id INT NOT NULL PRIMARY KEY, v INT);
INSERT INTO routes__other.t VALUES (1, 1);
