SET GLOBAL binlog_row_metadata=MINIMAL;
INSERT INTO t VALUES (2, 'ü', '€', 'a', 'y', '国', x'FE', x'FF00', '[1]', '', 'x', 'q');
ALTER TABLE t ADD COLUMN n VARCHAR(5) CHARACTER SET koi8r DEFAULT 'я', ADD COLUMN o TEXT;
UPDATE t SET b='z', o='o' WHERE id=1;
SET GLOBAL binlog_row_metadata=FULL;
INSERT INTO t VALUES (3, 'ü', '€', 'a', 'y', '国', x'FE', x'FF00', '[1]', '', 'x', 'q', 'ю', 'p');
CREATE TABLE u (id INT PRIMARY KEY, a VARCHAR(9), b VARCHAR(9) COLLATE utf8mb4_bin, c ENUM('x'), d CHAR(3) CHARACTER SET latin1 COLLATE latin1_bin);
INSERT INTO u VALUES (1, 'a', 'b', 'x', 'd');
SET GLOBAL binlog_row_metadata=DEFAULT;
