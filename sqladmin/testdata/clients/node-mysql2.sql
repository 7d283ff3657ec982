# node mysql2, as seen of release 3.24.6: no statement of its own at login; numbers
# are doubles; after a reset it closes the statements of before, by their ids
SELECT 1 + 1 AS solution ==> columns solution rows 1
SHOW MIGRATIONS ==> rows 3
\prepare SELECT * FROM nodes WHERE node = ? <== 'n1' ==> rows 1
\prepare SELECT migration FROM migrations WHERE progress_pct > ? ORDER BY migration LIMIT ? <== 12.25, 2 ==> columns migration rows 2
\prepare SHOW MIGRATIONS LIKE ? <== 'sh%' ==> rows 1
\ping ==> ok
\reset ==> ok
\prepare SELECT * FROM nodes WHERE node = ? <== 'n1' ==> rows 1
\close 1 ==> ok
\close 2 ==> ok
\close 3 ==> ok
\prepare SELECT * FROM nodes WHERE node = ? <== 'n2' ==> rows 0
SELECT 1 ==> rows 1
\changeuser sluice ==> ok
\close 4 ==> ok
SELECT DATABASE() d ==> columns d rows 1
START TRANSACTION ==> ok
COMMIT ==> ok
START TRANSACTION ==> ok
ROLLBACK ==> ok
SELECT 1; SELECT 2 ==> error 1064
SHOW MIGRATOINS ==> error 1064
