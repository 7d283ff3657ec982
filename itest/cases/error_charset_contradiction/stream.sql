SET sql_log_bin=0;
ALTER TABLE t MODIFY a VARCHAR(9) CHARACTER SET cp1251;
SET sql_log_bin=1;
INSERT INTO t VALUES (1, 'я');
SET GLOBAL binlog_row_metadata=DEFAULT;
