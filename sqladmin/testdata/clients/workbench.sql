# MySQL Workbench
SELECT current_user() ==> rows 1
SET SESSION SQL_MODE='STRICT_TRANS_TABLES' ==> ok
show character set where charset = 'utf8mb4' ==> rows 1
SET NAMES 'utf8mb4' ==> ok
SET CHARACTER SET utf8 ==> ok
SET SQL_SAFE_UPDATES=1 ==> ok
SELECT CONNECTION_ID() ==> rows 1
SHOW SESSION VARIABLES LIKE 'sql_mode' ==> rows 1
SHOW SESSION VARIABLES LIKE 'version_comment' ==> rows 1
SHOW SESSION VARIABLES LIKE 'version' ==> rows 1
SHOW SESSION VARIABLES LIKE 'lower_case_table_names' ==> rows 1
SHOW SESSION VARIABLES LIKE 'version_compile_os' ==> rows 1
SHOW SESSION VARIABLES LIKE 'wait_timeout' ==> rows 1
SHOW SESSION VARIABLES LIKE 'offline_mode' ==> rows 1
SHOW SESSION STATUS LIKE 'Ssl_cipher' ==> rows 1
SHOW DATABASES ==> rows 4
SHOW FULL TABLES FROM `sluice` ==> columns Tables_in_sluice,Table_type
SHOW PROCEDURE STATUS WHERE Db='sluice' ==> rows 0
SHOW FUNCTION STATUS WHERE Db='sluice' ==> rows 0
SHOW GLOBAL STATUS ==> columns Variable_name,Value
SHOW PLUGINS ==> rows 0
