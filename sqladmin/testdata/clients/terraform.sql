# Terraform petoju/mysql
SELECT @@GLOBAL.version, @@GLOBAL.datadir ==> columns @@GLOBAL.version,@@GLOBAL.datadir rows 1
SHOW DATABASES ==> rows 4
SHOW TABLES FROM sluice ==> columns Tables_in_sluice
SHOW GRANTS FOR 'root'@'%' ==> columns Grants for root@% rows 1
SHOW CREATE USER 'root'@'%' ==> error 1235
SET GLOBAL max_connections=10 ==> error 1235
SET GLOBAL nosuch=10 ==> error 1193
\prepare SHOW GLOBAL VARIABLES WHERE VARIABLE_NAME = ? <== 'max_connections' ==> columns Variable_name,Value rows 1
