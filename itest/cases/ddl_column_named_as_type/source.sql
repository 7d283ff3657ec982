-- Columns whose names are those of types and units: an expression with the type or unit does not use them.
CREATE TABLE u (id INT PRIMARY KEY, `date` DATETIME, created DATETIME, g DATE AS (DATE(created)) STORED);
INSERT INTO u (id, `date`, created) VALUES (1, '2024-01-02 03:04:05', '2024-02-03 04:05:06');
CREATE TABLE w (id INT PRIMARY KEY, `char` INT, s VARCHAR(20) AS (CAST(id AS CHAR)) STORED);
INSERT INTO w (id, `char`) VALUES (1, 2);
