-- Transactions: rolled back in whole and in part, over several tables, empty ones, autocommit off.
CREATE TABLE a (id INT NOT NULL PRIMARY KEY, v INT);
CREATE TABLE b (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50));
INSERT INTO a VALUES (1, 1), (2, 2);
