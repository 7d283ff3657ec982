-- The source puts the time of the statement, in strict mode too.
ALTER TABLE u MODIFY d TIMESTAMP(3) NOT NULL DEFAULT '2024-01-01 00:00:00';
