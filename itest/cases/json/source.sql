-- Documents: every kind of value, depth, large numbers, escapes.
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, j JSON) DEFAULT CHARSET=utf8mb4;
INSERT INTO t VALUES
  (1, '{"a": 1, "b": [1, 2.5, -3e10, "x", null, true, false], "c": {"d": {"e": {"f": []}}}, "ü": "🙂", "": {}}'),
  (2, 'null'), (3, NULL), (4, '[]'), (5, '{}'), (6, '"text with \\"quotes\\" \\\\ and \\u0001"'), (7, 'true'), (8, '0'),
  (9, '[9223372036854775807, -9223372036854775808, 18446744073709551615, 1.7976931348623157e308, 5e-324, 0.1, 123456789012345.678]'),
  (10, '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[{"deep": 1}]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'),
  (11, CONCAT('{"long": "', REPEAT('x', 70000), '", "many": [', REPEAT('12345,', 20000), '0]}'));
