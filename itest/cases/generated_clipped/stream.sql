SET SESSION sql_mode = '';
INSERT INTO v (id, i, s) VALUES (2, 100, 'abcdef'), (3, -2000000, 'é'), (4, 3, NULL);
UPDATE v SET i = 500, s = 'wwww' WHERE id = 4;
SET SESSION sql_mode = 'NO_UNSIGNED_SUBTRACTION';
INSERT INTO w (id, u) VALUES (3, 5), (4, 10);
UPDATE w SET u = 0 WHERE id = 2;
