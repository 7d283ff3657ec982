-- Keys of every kind, and what happens to them: key updates, swaps, reuse.
CREATE TABLE composite (a VARCHAR(20) NOT NULL, b INT NOT NULL, c DATETIME(3) NOT NULL, v INT, PRIMARY KEY (b, a, c)) DEFAULT CHARSET=utf8mb4;
INSERT INTO composite VALUES ('x', 1, '2026-01-01', 1), ('y', 1, '2026-01-01', 2), ('x', 2, '2026-01-01 00:00:00.001', 3), ('', 0, '2026-01-02', 4);
CREATE TABLE word (k VARCHAR(100) NOT NULL PRIMARY KEY, v INT) DEFAULT CHARSET=utf8mb4;
INSERT INTO word VALUES ('Apple', 1), ('banana', 2), ('Zoë', 3), ('', 4), ('a%b_c', 5), ('q''uote"s\\', 6);
CREATE TABLE amount (k DECIMAL(20,5) NOT NULL PRIMARY KEY, v INT);
INSERT INTO amount VALUES (0, 1), (-1.5, 2), (1.00001, 3), (999999999999999.99999, 4);
CREATE TABLE moment (k DATETIME(6) NOT NULL PRIMARY KEY, v INT);
INSERT INTO moment VALUES ('2026-01-01', 1), ('2026-01-01 00:00:00.000001', 2), ('1000-01-01', 3), ('9999-12-31 23:59:59.999999', 4);
CREATE TABLE pick (k ENUM('b', 'a', 'c') NOT NULL PRIMARY KEY, v INT);
INSERT INTO pick VALUES ('a', 1), ('b', 2);
CREATE TABLE swap (id INT NOT NULL PRIMARY KEY, u INT, w VARCHAR(20), UNIQUE KEY u (u), UNIQUE KEY w (w)) DEFAULT CHARSET=utf8mb4;
INSERT INTO swap VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three'), (4, NULL, NULL), (5, NULL, NULL);
CREATE TABLE moved (id INT NOT NULL PRIMARY KEY, v VARCHAR(10));
INSERT INTO moved VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
