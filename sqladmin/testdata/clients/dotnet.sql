# .NET MySql.Data and MySqlConnector
SELECT TIMEDIFF(NOW(), UTC_TIMESTAMP()) ==> columns TIMEDIFF(NOW(), UTC_TIMESTAMP()) rows 1
select @@max_allowed_packet, @@character_set_client, @@character_set_connection, @@license, @@sql_mode, @@lower_case_table_names ==> rows 1
SHOW VARIABLES ==> columns Variable_name,Value
SET NAMES utf8mb4 ==> ok
\reset ==> ok
SELECT CONNECTION_ID(), VERSION(), @@GLOBAL.require_secure_transport ==> rows 1
