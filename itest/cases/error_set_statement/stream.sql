-- The server reads it by the session's mode, and logs the other one.
SET STATEMENT sql_mode='NO_BACKSLASH_ESCAPES' FOR ALTER TABLE t ADD COLUMN c VARCHAR(10) DEFAULT 'a\nb';
