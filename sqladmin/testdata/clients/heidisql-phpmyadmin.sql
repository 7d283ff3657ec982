# HeidiSQL, phpMyAdmin, DataGrip, Metabase, mysqld_exporter
SHOW VARIABLES ==> columns Variable_name,Value
SHOW /*!50002 GLOBAL */ STATUS ==> columns Variable_name,Value
/*!40101 SET NAMES utf8mb4 */ ==> ok
/*!50503 SET NAMES utf8mb4 */ ==> ok
SHOW EVENTS FROM `sluice` ==> rows 0
SHOW TRIGGERS FROM `sluice` ==> rows 0
SHOW TRIGGERS FROM `nosuch` ==> error 1049
SHOW FUNCTION STATUS WHERE `Db`='sluice' ==> rows 0
SELECT *, EVENT_SCHEMA AS `Db`, EVENT_NAME AS `Name` FROM information_schema.`EVENTS` WHERE `EVENT_SCHEMA`='sluice' ==> rows 0
SELECT `DEFAULT_COLLATION_NAME` FROM `information_schema`.`SCHEMATA` WHERE `SCHEMA_NAME`='sluice' ==> rows 1
SELECT `CHARACTER_SET_NAME` AS `Charset`, `DESCRIPTION` AS `Description` FROM `information_schema`.`CHARACTER_SETS` ==> columns Charset,Description rows 5
select database(), schema(), left(user(),instr(concat(user(),'@'),'@')-1), @@version_comment ==> rows 1
SELECT COLLATION(VERSION()), CHARSET('a') ==> rows 1
SELECT CURRENT_TIMESTAMP, UTC_DATE(), CURTIME(), UTC_TIME() ==> rows 1
SELECT CONVERT('a' USING utf8mb4), CAST(1 AS SIGNED) ==> rows 1
SELECT CONVERT('a' USING gbk) ==> error 1115
SELECT DATE_FORMAT('2024-02-03 04:05:06', '%Y-%m-%d %H:%i:%s'), YEAR(NOW()) ==> rows 1
SHOW SLAVE STATUS NONBLOCKING ==> rows 1
SHOW ALL SLAVES STATUS ==> rows 1
SET SESSION lock_wait_timeout=2 ==> ok
SHOW ERROR CODES LIKE '61210' ==> columns Code,Sqlstate,Name,Class,Meaning,Remedy rows 1
SHOW ENGINE INNODB STATUS ==> error 1235
CREATE TABLE x (id INT) ==> error 1036
SET PERSIST max_connections = 1 ==> error 1235
UNLOCK TABLES ==> ok
