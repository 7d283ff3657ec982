SET SESSION sql_mode = '', time_zone = '+00:00';
INSERT INTO t SELECT id + 10, d, t0, t3, t6, dt, dt1, dt6, ts, ts4, ts6, y FROM t;
UPDATE t SET d = '0000-00-00', dt6 = '0000-00-00', ts6 = '0000-00-00' WHERE id IN (1, 2, 3);
UPDATE t SET t6 = SUBTIME('00:00:00', t6), dt = NULL, y = 2000 WHERE id IN (5, 6);
SET SESSION time_zone = '+05:30';
UPDATE t SET ts = '2026-07-01 12:00:00', ts4 = '2026-07-01 12:00:00.1234' WHERE id = 15;
INSERT INTO t (id, dt6, ts6) VALUES (100, NOW(6), NOW(6));
DELETE FROM t WHERE id IN (4, 14, 16);
