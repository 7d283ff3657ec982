# PyMySQL, Ansible community.mysql, SQLAlchemy
SET AUTOCOMMIT = 0 ==> ok
SET NAMES utf8mb4 ==> ok
SELECT VERSION() ==> columns VERSION() rows 1
SELECT @@version ==> rows 1
SHOW WARNINGS ==> columns Level,Code,Message rows 0
SHOW VARIABLES WHERE Variable_name = 'max_connections' ==> columns Variable_name,Value rows 1
SHOW GLOBAL VARIABLES LIKE 'read_only' ==> rows 1
SHOW REPLICA STATUS ==> rows 1
SHOW REPLICA STATUS FOR CHANNEL 'shop' ==> rows 1
SHOW SLAVE STATUS FOR CHANNEL 'nosuch' ==> error 3074
SHOW MASTER STATUS ==> error 1381
SELECT DATABASE() ==> rows 1
SELECT @@transaction_isolation ==> rows 1
SELECT @@sql_mode ==> rows 1
SELECT @@lower_case_table_names ==> rows 1
SHOW FULL TABLES FROM `sluice` ==> columns Tables_in_sluice,Table_type
SHOW CREATE TABLE `migrations` ==> columns Table,Create Table rows 1
SHOW CREATE TABLE sluice.nosuch ==> error 1146
SHOW COLLATION ==> columns Collation,Charset,Id,Default,Compiled,Sortlen,Pad_attribute
START REPLICA FOR CHANNEL 'crm/a' ==> ok
STOP REPLICA ==> ok
CHANGE REPLICATION SOURCE TO SOURCE_HOST='h', SOURCE_PORT=3307, SOURCE_AUTO_POSITION=1 FOR CHANNEL 'shop' ==> ok
CHANGE REPLICATION SOURCE TO SOURCE_HOST='h' FOR CHANNEL 'sho' ==> error 3074
COMMIT ==> ok
ROLLBACK ==> ok
BEGIN ==> ok
START TRANSACTION ==> ok
