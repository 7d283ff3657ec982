-- The sources look members up by the bytes of the other character set: rows lose them.
SET SESSION sql_mode = '';
ALTER TABLE u CONVERT TO CHARACTER SET utf8mb4;
