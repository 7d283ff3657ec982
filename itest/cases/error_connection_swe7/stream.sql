-- swe7 has letters where ASCII has these signs: '?' at the source.
SET character_set_connection=swe7;
ALTER TABLE t ADD COLUMN a VARCHAR(30) CHARACTER SET utf8mb4 DEFAULT 'x';
ALTER TABLE t ADD COLUMN b VARCHAR(30) CHARACTER SET utf8mb4 DEFAULT '[x]';
