# the statements of the admin port's own, as a person types them
SHOW MIGRATIONS ==> columns Migration,Target,Sources,Phase,Status,Desired,Progress_Pct,ETA_Seconds,Seconds_Behind_Source,Tables_Total,Tables_Done,Tables_Failed,Errors,Warnings,Ready_For_Cutover,Next_Step,Created_By,Created_At,Updated_At rows 3
SHOW MIGRATIONS LIKE 's%' ==> rows 1
SHOW MIGRATIONS WHERE status = 'running' AND Progress_Pct < 20 ==> rows 1
SHOW MIGRATIONS ORDER BY progress_pct DESC LIMIT 2 ==> rows 2
SHOW MIGRATIONS WHERE nosuch = 1 ==> error 1054
SHOW MIGRATION STATUS FOR MIGRATION shop ==> rows 0
SHOW MIGRATION STATUS FOR MIGRATION shopp ==> error 61002
SHOW MIGRATION CHANNELS FOR MIGRATION crm ==> rows 2
SHOW MIGRATION TABLES FOR MIGRATION shop ==> rows 1
SHOW MIGRATION DDL FOR MIGRATION crm ==> columns Channel_Name,Position,Source_Table,Source_SQL,Target_SQL,State,Job_Id,Started_At,Finished_At,Note,Migration rows 1
SHOW MIGRATION CHECKS ==> rows 0
SHOW MIGRATION ERRORS LIMIT 10 ==> columns Id,At,Migration,Channel_Name,Table_Name,Node,Errno,Sqlstate,Class,Transient,Count,Message,Remedy,Position,Resolved_At rows 0
SHOW MIGRATION EVENTS ORDER BY id DESC LIMIT 5 ==> columns Id,At,Migration,Channel_Name,Node,User,Kind,Message rows 0
SHOW WORKERS ==> columns Worker_Id,Node,State,Role,Channels,Channel_Names,Lanes,Rows_Per_Sec,Bytes_Per_Sec,Max_Seconds_Behind,Queue_Bytes,Memory_Bytes,Cpu_Pct,Started_At,Version,Last_Error rows 0
SHOW NODES ==> rows 1
SHOW SECRETS ==> columns Name,Backend,Used_By,Created_At,Rotated_At rows 1
SHOW OPERATIONS ==> columns Operation_Id,Statement,User,Host,Node,State,Started_At,Finished_At,Affected,Errno,Message rows 0
SHOW CREATE MIGRATION shop ==> columns Migration,Create_Migration rows 1
SHOW CREATE SOURCE src_shop ==> columns Source,Create_Source rows 1
CHECK MIGRATION shop ==> columns Check_Id,Severity,Scope,Object,Finding,Remedy,Remedy_SQL,Blocks,Checked_At,Migration rows 1
WAIT FOR MIGRATION shop UNTIL CAUGHT_UP TIMEOUT '5s' ==> columns Object,Condition,Reached,Waited_Ms,Phase,Status,Seconds_Behind_Source,Message rows 1
CREATE SECRET shop_pw PASSWORD 'p' ==> ok
CREATE SOURCE shop_a SOURCE_HOST='10.0.0.5', SOURCE_USER='gw', SOURCE_PASSWORD=SECRET shop_pw, SOURCE_SSL_MODE=VERIFY_CA ==> ok
CREATE TARGET tidb TARGET_HOSTS=('10.0.1.1:4000','10.0.1.2:4000'), TARGET_USER='gw', TARGET_PASSWORD=SECRET tidb_pw ==> ok
CREATE MIGRATION IF NOT EXISTS shop FROM SOURCE shop_a TO TARGET tidb REPLICATE_DO_DB=(shop) WITH (verify=OFF) ==> ok
START MIGRATION shop ==> ok
STOP MIGRATION IF RUNNING ALL ==> ok
MOVE CHANNEL 'crm/a' TO NODE n1 ==> ok
DRAIN NODE n1 ==> ok
SELECT 1; SELECT 2 ==> error 1064
CREATE MIGRATION m FROM SOURCE s FILTER (ON a.b IGNORE DELETE) ==> error 1235
EXPLAIN START MIGRATION shop ==> error 1235
SELECT status, count(*) AS n, group_concat(migration ORDER BY 1) FROM migrations GROUP BY status HAVING n > 1 ==> rows 1
SELECT * FROM migrations JOIN nodes ==> error 1235
DESC migrations ==> columns Field,Type,Null,Key,Default,Extra rows 19
DELETE FROM migrations ==> error 1036
SELECT code, name FROM error_codes WHERE code = 61030 ==> columns code,name rows 1
