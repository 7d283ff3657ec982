# mysqldump of the virtual schema: probes that must not break the session
LOCK TABLES `sources` READ /*!32311 LOCAL */ ==> error 1235
SELECT LOGFILE_GROUP_NAME, FILE_NAME, TOTAL_EXTENTS, INITIAL_SIZE, ENGINE, EXTRA FROM INFORMATION_SCHEMA.FILES WHERE ENGINE = 'ndbcluster' AND FILE_TYPE = 'UNDO LOG' ==> rows 0
/*!40100 SET @@SQL_MODE='' */ ==> ok
/*!40103 SET TIME_ZONE='+00:00' */ ==> ok
SHOW VARIABLES LIKE 'gtid\_mode' ==> rows 1
SHOW VARIABLES LIKE 'ndbinfo\_version' ==> rows 0
FLUSH TABLES ==> ok
show table status like 'migrations' ==> rows 1
show fields from `migrations` ==> columns Field,Type,Null,Key,Default,Extra rows 19
SET SESSION character_set_results = 'binary' ==> ok
select @@collation_database ==> rows 1
show create database if not exists `sluice` ==> columns Database,Create Database rows 1
show triggers like 'migrations' ==> rows 0
SELECT COLUMN_NAME, JSON_EXTRACT(HISTOGRAM, '$') FROM information_schema.COLUMN_STATISTICS ==> error 1305
SELECT /*!40001 SQL_NO_CACHE */ * FROM `migrations` ==> rows 3
