# MySQL Connector/J 8 and 9, DBeaver
/* mysql-connector-j-9.1.0 (Revision: 0b8c6a5) */SELECT  @@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS character_set_client, @@character_set_connection AS character_set_connection, @@character_set_results AS character_set_results, @@character_set_server AS character_set_server, @@collation_server AS collation_server, @@collation_connection AS collation_connection, @@init_connect AS init_connect, @@interactive_timeout AS interactive_timeout, @@license AS license, @@lower_case_table_names AS lower_case_table_names, @@max_allowed_packet AS max_allowed_packet, @@net_write_timeout AS net_write_timeout, @@performance_schema AS performance_schema, @@sql_mode AS sql_mode, @@system_time_zone AS system_time_zone, @@time_zone AS time_zone, @@transaction_isolation AS transaction_isolation, @@wait_timeout AS wait_timeout ==> columns auto_increment_increment,character_set_client,character_set_connection,character_set_results,character_set_server,collation_server,collation_connection,init_connect,interactive_timeout,license,lower_case_table_names,max_allowed_packet,net_write_timeout,performance_schema,sql_mode,system_time_zone,time_zone,transaction_isolation,wait_timeout rows 1
SET NAMES utf8mb4 ==> ok
SET character_set_results = NULL ==> ok
SET autocommit=1 ==> ok
SET sql_mode='STRICT_TRANS_TABLES' ==> ok
SET SESSION TRANSACTION READ ONLY ==> ok
SET SESSION TRANSACTION READ WRITE ==> ok
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED ==> ok
SET sql_select_limit=DEFAULT ==> ok
SELECT @@session.transaction_read_only ==> columns @@session.transaction_read_only rows 1
SELECT @@session.transaction_isolation ==> rows 1
SHOW FULL TABLES FROM `sluice` LIKE '%' ==> columns Tables_in_sluice,Table_type
SHOW FULL COLUMNS FROM `migrations` FROM `sluice` ==> columns Field,Type,Collation,Null,Key,Default,Extra,Privileges,Comment rows 19
SHOW KEYS FROM `migrations` FROM `sluice` ==> rows 0
SHOW ENGINES ==> columns Engine,Support,Comment,Transactions,XA,Savepoints rows 1
SHOW CHARSET ==> columns Charset,Description,Default collation,Maxlen
SHOW COLLATION ==> columns Collation,Charset,Id,Default,Compiled,Sortlen,Pad_attribute
SELECT * FROM information_schema.SCHEMATA ==> rows 4
SELECT DATABASE() ==> rows 1
SHOW PRIVILEGES ==> columns Privilege,Context,Comment rows 0
SHOW GLOBAL STATUS ==> columns Variable_name,Value
SHOW VARIABLES ==> columns Variable_name,Value
SHOW PLUGINS ==> rows 0
SELECT * FROM mysql.user ==> columns User,Host,plugin rows 1
use sluice ==> ok
SHOW WARNINGS ==> rows 0
SELECT 1 ==> columns 1 rows 1
\ping ==> ok
