-- MySQL reads the same expression by each session's mode.
SET sql_mode='NO_BACKSLASH_ESCAPES';
INSERT INTO u (id, v) VALUES (2, 'q');
FLUSH TABLES;
SET sql_mode='';
INSERT INTO u (id, v) VALUES (3, 'r');
UPDATE u SET v='s' WHERE id=1;
