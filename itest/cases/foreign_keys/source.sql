-- Foreign keys and the indexes that the source makes for them.
CREATE TABLE parent (id INT NOT NULL PRIMARY KEY, a INT, b INT, UNIQUE (a), UNIQUE (b), UNIQUE (a, b));
INSERT INTO parent VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);
CREATE TABLE copied (id INT NOT NULL PRIMARY KEY, a INT, b INT, CONSTRAINT copied_a FOREIGN KEY (a) REFERENCES parent (a), CONSTRAINT copied_b FOREIGN KEY (b) REFERENCES parent (b));
INSERT INTO copied VALUES (1, 1, 1), (2, 2, 2);
CREATE TABLE written (id INT NOT NULL PRIMARY KEY, a INT, KEY written_a (a), CONSTRAINT written_a FOREIGN KEY (a) REFERENCES parent (a));
INSERT INTO written VALUES (1, 1);
