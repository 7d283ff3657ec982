-- Generated columns whose value may not fit the type, added to rows whose values do.
CREATE TABLE t (id INT PRIMARY KEY, i INT, s VARCHAR(20), u TIMESTAMP(3) NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(3), d DATETIME NULL ON UPDATE CURRENT_TIMESTAMP);
INSERT INTO t VALUES (1, 42, 'abc', '2020-01-01 00:00:00.5', '2020-01-02'), (2, NULL, NULL, NULL, NULL), (3, 2147483646, 'é', '2021-01-01', NULL), (4, -2147483648, '', NULL, '2022-01-01');
CREATE TABLE keyless (i SMALLINT, s VARCHAR(9));
INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (-5, 'é');
CREATE TABLE two (a VARCHAR(5), b INT, c INT UNSIGNED, PRIMARY KEY (a, b)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO two VALUES ('a', 1, 1), ('a', 2, NULL), ('b', 1, 4294967294);
CREATE TABLE many (id INT PRIMARY KEY AUTO_INCREMENT, i INT);
INSERT INTO many (i) VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10);
INSERT INTO many (i) SELECT a.i * b.i FROM many a, many b, many c, many d;
CREATE TABLE days (id INT PRIMARY KEY, created DATETIME(6), d DATE);
INSERT INTO days VALUES (1, '2024-02-29 23:59:59.999999', '2024-02-29'), (2, NULL, NULL), (3, '1000-01-01', '9999-12-31'), (4, '0001-01-01 00:00:01', '0000-01-01');
