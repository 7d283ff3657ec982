# Django, Rails, Laravel, Hibernate, R2DBC, gorm: what they send when they connect
SELECT VERSION(), @@sql_mode, @@default_storage_engine, @@sql_auto_is_null, @@lower_case_table_names, CONVERT_TZ('2001-01-01 01:00:00', 'UTC', 'UTC') IS NOT NULL ==> rows 1
SET SQL_AUTO_IS_NULL = 0 ==> ok
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED ==> ok
SET TRANSACTION ISOLATION LEVEL READ COMMITTED ==> ok
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY ==> ok
SET TRANSACTION READ WRITE ==> ok
SET LOCAL TRANSACTION ISOLATION LEVEL READ UNCOMMITTED ==> ok
SET SESSION TRANSACTION READ WRITE, ISOLATION LEVEL SERIALIZABLE ==> ok
SET  @@SESSION.sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), @@SESSION.sql_auto_is_null = 0, @@SESSION.wait_timeout = 2147483 ==> ok
SET NAMES utf8mb4,  @@SESSION.sql_mode = CONCAT(CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), ',NO_AUTO_VALUE_ON_ZERO'),  @@SESSION.sql_auto_is_null = 0 ==> ok
set names 'utf8mb4' collate 'utf8mb4_unicode_ci' ==> ok
SET collation_connection = 'utf8mb4_unicode_ci' ==> ok
SELECT @@transaction_isolation AS i, @@innodb_lock_wait_timeout AS l, @@version_comment AS v ==> columns i,l,v rows 1
SELECT count(*) FROM information_schema.tables WHERE table_schema = 'sluice' AND table_name = 'nodes' AND table_type = 'BASE TABLE' ==> rows 1
SAVEPOINT a ==> ok
ROLLBACK TO SAVEPOINT a ==> ok
RELEASE SAVEPOINT a ==> ok
SELECT CAST('test plain returns' AS CHAR(60)) AS anon_1 ==> columns anon_1 rows 1
SELECT CAST('test collated returns' AS CHAR CHARACTER SET utf8) COLLATE utf8_bin AS anon_1 ==> columns anon_1 rows 1
set autocommit=1, session_track_schema=1, sql_mode=concat(@@sql_mode,',STRICT_TRANS_TABLES'), session_track_system_variables = CONCAT(@@global.session_track_system_variables,',transaction_isolation') ==> ok
SET time_zone = '+00:00' ==> ok
SET time_zone = 'Mars/Olympus' ==> error 1298
SET time_zone = '+25:00' ==> error 1298
