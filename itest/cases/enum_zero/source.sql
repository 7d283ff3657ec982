-- The error value of ENUM: number 0, which prints as ''.
SET SESSION sql_mode = '';
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, e ENUM('a', 'b'), n ENUM('x', 'y') NOT NULL, v INT);
INSERT INTO t VALUES (1, 'a', 'x', 1), (2, 'nothing', 'nothing', 2), (3, 0, 'y', 3), (4, NULL, 0, 4), (5, 'b', 'y', 5);
CREATE TABLE empty_member (id INT NOT NULL PRIMARY KEY, e ENUM('', 'a'));
INSERT INTO empty_member VALUES (1, ''), (2, 0), (3, 'nothing'), (4, NULL), (5, 'a');
CREATE TABLE keyless (a INT, e ENUM('a', 'b'));
INSERT INTO keyless VALUES (1, 0), (1, 0), (1, 'a'), (2, NULL);
CREATE TABLE enum_key (e ENUM('a', 'b', 'c') NOT NULL PRIMARY KEY, v INT);
INSERT INTO enum_key VALUES (0, 1), ('a', 2), ('c', 3);
CREATE TABLE two_keys (id INT NOT NULL PRIMARY KEY, e ENUM('a', 'b') NOT NULL, k INT, UNIQUE KEY (e, k));
INSERT INTO two_keys VALUES (1, 0, 1), (2, 'a', 1), (3, 0, 2);
CREATE TABLE many (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, e ENUM('a', 'b') NOT NULL, v INT);
INSERT INTO many (e, v) SELECT IF(x.n % 3 = 0, 0, 'a'), x.n FROM (SELECT a.id * 25 + b.id * 5 + c.id AS n FROM t a, t b, t c) x;
