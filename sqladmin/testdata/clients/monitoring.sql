# mysqld_exporter, orchestrator, ProxySQL's monitor
SELECT 1 ==> rows 1
SELECT @@global.read_only ==> rows 1
SELECT @@global.super_read_only, @@global.read_only ==> rows 1
SHOW GLOBAL VARIABLES LIKE 'read_only' ==> rows 1
SHOW GLOBAL STATUS ==> columns Variable_name,Value
SHOW REPLICA STATUS ==> rows 1
SHOW BINARY LOGS ==> error 1381
SHOW REPLICAS ==> columns Server_Id,Host,Port,Source_Id,Replica_UUID rows 0
SHOW PROCESSLIST ==> columns Id,User,Host,db,Command,Time,State,Info rows 2
SHOW FULL PROCESSLIST ==> rows 2
\processinfo ==> columns Id,User,Host,db,Command,Time,State,Info rows 2
SELECT @@nosuch_variable ==> error 1193
SELECT nosuch FROM migrations ==> error 1054
SELECT * FROM nosuch ==> error 1146
SELECT * FROM nosuch.t ==> error 1049
SELECT nosuch() ==> error 1305
SELECT WAIT_FOR_EXECUTED_GTID_SET('a:1') ==> error 1235
