-- MySQL has the byte E9 as the member; MariaDB lost the values.
UPDATE u SET c = NULL, d = NULL WHERE id = 1;
ALTER TABLE u MODIFY c ENUM('é','b') CHARACTER SET utf8mb4, MODIFY d SET('x','é') CHARACTER SET utf8mb4;
UPDATE u SET c = 'é', d = 'x,é' WHERE id = 1;
