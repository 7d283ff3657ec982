SET collation_connection='latin1_swedish_ci';
ALTER TABLE t ADD COLUMN c VARBINARY(10) DEFAULT 'é';
