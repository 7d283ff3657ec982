/*M!999999\- enable the sandbox mode */ ALTER TABLE t ADD COLUMN a INT;
ALTER TABLE t ADD COLUMN b INT /*M! , ADD COLUMN for_mariadb INT */;
ALTER TABLE t ADD COLUMN c INT /*!80000 , ADD COLUMN for_mysql INT */;
ALTER TABLE t ADD COLUMN d INT /*!50100 , ADD COLUMN for_both INT */ /*!99999 , ADD COLUMN for_none /* nobody */ INT */;
ALTER TABLE t ADD COLUMN e INT /*!100100 , ADD COLUMN for_mariadb_too INT */ /*M!100100 , ADD COLUMN for_mariadb_again INT */;
INSERT INTO t (id, a, b, c, d, e, for_both) VALUES (2, 1, 2, 3, 4, 5, 6);
UPDATE t SET v = 7, e = 8;
