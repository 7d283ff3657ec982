# MySQL Shell, mycli
SET NAMES 'utf8mb4' ==> ok
select concat(@@version, ' ', @@version_comment) ==> columns concat(@@version, ' ', @@version_comment) rows 1
SELECT current_user() ==> columns current_user() rows 1
select @@sql_mode ==> columns @@sql_mode rows 1
select connection_id() ==> columns connection_id() rows 1
SHOW DATABASES ==> rows 4
SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.columns WHERE table_schema = 'sluice' ORDER BY table_name, ordinal_position ==> columns TABLE_NAME,COLUMN_NAME
SELECT CONCAT("'", user, "'@'", host, "'") FROM mysql.user ==> rows 1
SELECT ROUTINE_NAME FROM INFORMATION_SCHEMA.ROUTINES WHERE ROUTINE_TYPE="FUNCTION" AND ROUTINE_SCHEMA = "sluice" ==> rows 0
