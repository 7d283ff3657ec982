# node mysql2
SELECT 1 + 1 AS solution ==> columns solution rows 1
SHOW MIGRATIONS ==> rows 3
\prepare SELECT * FROM nodes WHERE node = ? <== 'n1' ==> rows 1
\ping ==> ok
\reset ==> ok
SELECT 1 ==> rows 1
