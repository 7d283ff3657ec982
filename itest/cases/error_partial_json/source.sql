-- A row event that has only the changed part of a document.
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, j JSON);
INSERT INTO t VALUES (1, '{"a": "0123456789012345678901234567890123456789", "b": 1}');
