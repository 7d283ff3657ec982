-- Compressed transactions: small, of several tables, and of many rows.
CREATE TABLE a (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(200)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE b (v INT, w LONGBLOB);
INSERT INTO a (v) VALUES ('copied');
