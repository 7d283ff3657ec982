# MariaDB Connector/J
set autocommit=1, sql_mode=CONCAT(@@sql_mode,',STRICT_TRANS_TABLES'), session_track_system_variables = CONCAT(@@global.session_track_system_variables,',transaction_isolation') ==> ok
set names utf8mb4 ==> ok
SELECT @@time_zone, @@system_time_zone ==> columns @@time_zone,@@system_time_zone rows 1
SELECT @@session.transaction_isolation ==> rows 1
select @@lower_case_table_names ==> rows 1
SHOW VARIABLES WHERE Variable_name in ('max_allowed_packet','system_time_zone','time_zone','auto_increment_increment') ==> columns Variable_name,Value rows 4
