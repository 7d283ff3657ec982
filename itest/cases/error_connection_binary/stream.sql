SET NAMES utf8mb4;
SET collation_connection='binary';
ALTER TABLE t ADD COLUMN c VARCHAR(10) CHARACTER SET latin1 DEFAULT 'é';
