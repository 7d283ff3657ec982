INSERT INTO t (id, a, b) VALUES (4, 100, 200), (5, NULL, NULL);
UPDATE t SET a = a + 5, b = 9;
DELETE FROM t WHERE id = 3;
UPDATE u SET a = a + 1 ORDER BY a DESC;
DELETE FROM u WHERE b = 2;
INSERT INTO u (a, b) VALUES (33, 4);
INSERT INTO hidden (id, v) VALUES (4, 4);
UPDATE hidden SET secret = 44 WHERE id IN (1, 4);
DELETE FROM hidden WHERE id = 2;
