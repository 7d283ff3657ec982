# go-sql-driver/mysql, Grafana
SELECT @@max_allowed_packet ==> columns @@max_allowed_packet rows 1
SET NAMES utf8mb4 COLLATE utf8mb4_general_ci ==> ok
SET time_zone='+00:00' ==> ok
SELECT 1 ==> rows 1
SELECT DISTINCT TABLE_SCHEMA FROM information_schema.TABLES WHERE TABLE_TYPE != 'SYSTEM VIEW' ORDER BY TABLE_SCHEMA ==> columns TABLE_SCHEMA rows 3
SELECT table_name FROM information_schema.tables WHERE table_schema = 'sluice' ORDER BY table_name ==> columns table_name
SELECT column_name, data_type FROM information_schema.columns WHERE table_schema='sluice' AND table_name='migrations' AND data_type IN ('bigint','double') ORDER BY column_name ==> columns column_name,data_type rows 8
SELECT UNIX_TIMESTAMP(updated_at) DIV 60 * 60 AS time, max(progress_pct) FROM migrations WHERE updated_at BETWEEN FROM_UNIXTIME(1000000000) AND FROM_UNIXTIME(2000000000) GROUP BY 1 ORDER BY 1 ==> columns time,max(progress_pct) rows 1
\prepare SHOW GLOBAL VARIABLES WHERE VARIABLE_NAME = ? <== 'version' ==> columns Variable_name,Value rows 1
\prepare SELECT migration FROM migrations WHERE migration = ? OR progress_pct > ? ORDER BY 1 LIMIT ? <== 'shop', 90, 10 ==> columns migration rows 2
