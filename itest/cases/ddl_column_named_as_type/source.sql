-- Columns whose names are those of types: an expression with the type does not use them. i is plain in the target.
CREATE TABLE u (id INT PRIMARY KEY, `date` DATETIME, created DATETIME, g DATE AS (DATE(created)) STORED);
INSERT INTO u (id, `date`, created) VALUES (1, '2024-01-02 03:04:05', '2024-02-03 04:05:06');
CREATE TABLE w (id INT PRIMARY KEY, `signed` INT, s VARCHAR(20), i BIGINT AS (CAST(s AS SIGNED)) STORED);
INSERT INTO w (id, `signed`, s) VALUES (1, 2, '3');
