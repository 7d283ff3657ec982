# mysql 8.1+ to 9.x command line client
select @@version_comment limit 1 ==> columns @@version_comment rows 1
select $$ ==> error 1054
show databases ==> columns Database rows 4
show tables ==> columns Tables_in_sluice
\fieldlist migrations ==> columns migration,target,sources,phase,status,desired,progress_pct,eta_seconds,seconds_behind_source,tables_total,tables_done,tables_failed,errors,warnings,ready_for_cutover,next_step,created_by,created_at,updated_at
\fieldlist nosuch ==> error 1146
\initdb sluice ==> ok
\initdb nosuch ==> error 1049
SELECT DATABASE() ==> columns DATABASE() rows 1
select DATABASE(), USER() limit 1 ==> columns DATABASE(),USER() rows 1
select @@character_set_client, @@character_set_connection, @@character_set_server, @@character_set_database limit 1 ==> columns @@character_set_client,@@character_set_connection,@@character_set_server,@@character_set_database rows 1
\statistics ==> text Uptime:
SHOW WARNINGS ==> columns Level,Code,Message rows 0
SET NAMES utf8mb4 ==> ok
SET SQL_SAFE_UPDATES=1,SQL_SELECT_LIMIT=1000, MAX_JOIN_SIZE=1000000 ==> ok
-- a comment line that the client keeps ==> ok
KILL QUERY 4294967295 ==> error 1094
help contents ==> error 1064
USE sluice ==> ok
USE information_schema ==> ok
USE sluice ==> ok
