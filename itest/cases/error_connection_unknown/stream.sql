SET collation_connection='gbk_chinese_ci';
ALTER TABLE t ADD COLUMN c VARCHAR(10) CHARACTER SET utf8mb4 DEFAULT '日€';
