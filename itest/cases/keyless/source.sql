-- Tables without a primary key, with equal rows and NULLs; empty and tiny tables.
CREATE TABLE none (a INT, b VARCHAR(20), f FLOAT, d DOUBLE, at DATETIME(3), j BLOB) DEFAULT CHARSET=utf8mb4;
INSERT INTO none VALUES (1, 'x', 0.1, 0.1, '2026-01-01', x'00'), (1, 'x', 0.1, 0.1, '2026-01-01', x'00'), (1, 'x', 0.1, 0.1, '2026-01-01', x'00'),
  (2, 'X', 1e30, 1e300, NULL, NULL), (2, 'x ', NULL, NULL, NULL, x''), (NULL, NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE uniq (a INT NOT NULL, b VARCHAR(20), UNIQUE KEY a (a));
INSERT INTO uniq VALUES (1, 'one'), (2, 'two'), (3, NULL);
CREATE TABLE nullable (a INT, b VARCHAR(20), UNIQUE KEY a (a));
INSERT INTO nullable VALUES (1, 'one'), (NULL, 'n'), (NULL, 'n'), (NULL, 'm');
CREATE TABLE vacant (id INT NOT NULL PRIMARY KEY, v INT);
CREATE TABLE vacant_keyless (v INT);
CREATE TABLE single (id INT NOT NULL PRIMARY KEY);
INSERT INTO single VALUES (1);
