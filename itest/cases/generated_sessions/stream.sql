SET sql_mode = '';
INSERT INTO clipped (id, i, s) VALUES (4, 100, 'abc'), (5, -5000, 'a');
UPDATE clipped SET i = 2147483647, s = 'abcdef' WHERE id = 3;
INSERT INTO truth (id, dc, ub) VALUES (5, -0.4, 18446744073709551615), (6, 0.05, 1);
UPDATE truth SET dc = 0.3, ub = 18446744073709551615 WHERE id = 3;
SET sql_mode = 'NO_UNSIGNED_SUBTRACTION';
INSERT INTO less (id, u) VALUES (3, 5), (4, 0);
SET sql_mode = '';
UPDATE less SET u = 20 WHERE id = 1;
