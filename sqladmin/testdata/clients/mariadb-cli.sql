# mariadb 10.x and 11 command line client
select @@version_comment limit 1 ==> columns @@version_comment rows 1
SELECT DATABASE() ==> columns DATABASE() rows 1
SHOW DATABASES ==> columns Database rows 4
SHOW TABLES ==> columns Tables_in_sluice
select USER() ==> columns USER() rows 1
select @@character_set_client, @@character_set_connection, @@character_set_server, @@character_set_database limit 1 ==> columns @@character_set_client,@@character_set_connection,@@character_set_server,@@character_set_database rows 1
show warnings ==> columns Level,Code,Message rows 0
SHOW ALL SLAVES STATUS ==> rows 1
SHOW SLAVE STATUS ==> rows 1
\statistics ==> text Uptime:
