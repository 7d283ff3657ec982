INSERT INTO t SELECT id + 10, d65, d1, d30, du, f, g, gu FROM t;
UPDATE t SET d65 = -d65, d1 = -d1, d30 = -d30, f = -f, g = -g WHERE id < 10;
UPDATE t SET f = f / 3, g = g / 3, du = 1.000001 WHERE id IN (13, 15, 16);
UPDATE t SET d65 = NULL, f = 0, g = NULL WHERE id = 11;
DELETE FROM t WHERE id IN (2, 14);
