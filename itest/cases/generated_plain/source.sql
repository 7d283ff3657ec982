-- Generated columns whose values TiDB computes by other rules, or may: they are
-- plain columns in the target that carry the source's value.
CREATE TABLE l (id INT NOT NULL PRIMARY KEY, s VARCHAR(20), len INT AS (LENGTH(s)) STORED, sha CHAR(64) AS (SHA2(s, 256)) VIRTUAL, up VARCHAR(20) AS (UPPER(s)) VIRTUAL, KEY up (up)) DEFAULT CHARSET=latin1;
INSERT INTO l (id, s) VALUES (1, 'é'), (2, 'abc'), (3, NULL), (4, 'ÿß');
CREATE TABLE z (id INT NOT NULL PRIMARY KEY, z INT(6) ZEROFILL, n VARCHAR(20) AS (CONCAT('N', z)) STORED, UNIQUE KEY n (n)) DEFAULT CHARSET=utf8mb4;
INSERT INTO z (id, z) VALUES (1, 42), (2, 0), (3, 1234567), (4, NULL);
CREATE TABLE j (id INT NOT NULL PRIMARY KEY, j JSON, p VARCHAR(20) AS (JSON_UNQUOTE(JSON_EXTRACT(j, '$.p'))) VIRTUAL, q VARCHAR(20) AS (JSON_UNQUOTE(JSON_EXTRACT(j, '$.p'))) STORED, KEY p (p)) DEFAULT CHARSET=utf8mb4;
INSERT INTO j (id, j) VALUES (1, '{"p": 2.0}'), (2, '{"p": "x"}'), (3, '{"p": 1e20}'), (4, '{}'), (5, NULL);
CREATE TABLE d (id INT NOT NULL PRIMARY KEY, a DOUBLE, t VARCHAR(40) AS (a) VIRTUAL, r DOUBLE AS (a / 3) STORED, x DECIMAL(20,4) AS (a) STORED) DEFAULT CHARSET=utf8mb4;
INSERT INTO d (id, a) VALUES (1, 1e15), (2, 0.1), (3, -2.5), (4, NULL);
CREATE TABLE keyless (s VARCHAR(20), len INT AS (LENGTH(s)) STORED, v INT AS (LENGTH(s)) VIRTUAL) DEFAULT CHARSET=latin1;
INSERT INTO keyless (s) VALUES ('é'), ('é'), ('ab'), (NULL);
CREATE TABLE dep (id INT NOT NULL PRIMARY KEY, s VARCHAR(20), len INT AS (LENGTH(s)) STORED, twice INT AS (len * 2) STORED, more INT AS (twice + 1) VIRTUAL) DEFAULT CHARSET=latin1;
INSERT INTO dep (id, s) VALUES (1, 'é'), (2, 'xy');
CREATE TABLE odd (id INT NOT NULL PRIMARY KEY, s VARCHAR(20), m DECIMAL(10,2), q DECIMAL(12,4), i INT, dt DATETIME, a VARCHAR(20) AS (CAST(s AS CHAR CHARACTER SET utf8mb3)) STORED, b VARCHAR(60) AS (CONCAT(IF(i > 0, m, q), IFNULL(m, q), COALESCE(q, m), CASE WHEN i > 0 THEN 1.5 ELSE 2.25 END)) STORED, c VARCHAR(20) AS (SUBSTR(s, -2, 9223372036854775807)) VIRTUAL, d DATE AS (DATE(dt)) STORED, y INT AS (YEAR(dt)) STORED) DEFAULT CHARSET=utf8mb4;
SET SESSION sql_mode = '';
INSERT INTO odd (id, s, m, q, i, dt) VALUES (1, '😀x', 1.5, 2.25, 1, '0000-00-00'), (2, 'éxq', 1.5, 2.25, 0, '2024-00-00 10:00:00'), (3, NULL, NULL, 1, 1, NULL);
SET SESSION sql_mode = DEFAULT;
CREATE TABLE uq (id INT NOT NULL PRIMARY KEY, s VARCHAR(20) NOT NULL, len INT AS (LENGTH(s)) STORED, UNIQUE KEY len (len)) DEFAULT CHARSET=latin1;
INSERT INTO uq (id, s) VALUES (1, 'é'), (2, 'xy'), (3, 'xyz');
