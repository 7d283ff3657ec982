-- Text in several character sets, ENUM and SET, trailing spaces, NULL and empty.
CREATE TABLE utf8 (id INT NOT NULL PRIMARY KEY, c CHAR(10), v VARCHAR(200), tt TINYTEXT, t TEXT, m MEDIUMTEXT, l LONGTEXT) DEFAULT CHARSET=utf8mb4;
INSERT INTO utf8 VALUES
  (1, 'abc', 'Zoë 小林 🙂 ''quoted'' "double" \\ backslash', 'tiny', REPEAT('text ', 1000), REPEAT('ü', 30000), REPEAT('🙂', 20000)),
  (2, '', '', '', '', '', ''), (3, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, 'pad  ', 'pad  ', ' ', '\0\n\r\t\Z', 'a\0b', '%_');
CREATE TABLE sets (id INT NOT NULL PRIMARY KEY, l1 VARCHAR(100) CHARACTER SET latin1, g VARCHAR(100) CHARACTER SET gbk, u3 VARCHAR(100) CHARACTER SET utf8mb3, a VARCHAR(20) CHARACTER SET ascii,
  b VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin) DEFAULT CHARSET=utf8mb4;
INSERT INTO sets VALUES (1, 'Zoë Ünïcode ÿ €', '中文字符', 'naïve 日本', 'plain', 'Case'), (2, '', '', '', '', ''), (3, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE words (id INT NOT NULL PRIMARY KEY, e ENUM('one', 'two', 'drei''s', '四') NOT NULL, n ENUM('x', 'y'), s SET('a', 'b', 'c', 'd e', 'ü'),
  s64 SET('1','2','3','4','5','6','7','8','9','10','11','12','13','14','15','16','17','18','19','20','21','22','23','24','25','26','27','28','29','30','31','32','33','34','35','36','37','38','39','40','41','42','43','44','45','46','47','48','49','50','51','52','53','54','55','56','57','58','59','60','61','62','63','64')) DEFAULT CHARSET=utf8mb4;
INSERT INTO words VALUES (1, 'one', 'x', 'a,c', '1,64'), (2, '四', NULL, '', ''), (3, 'drei''s', 'y', 'a,b,c,d e,ü', '32,33'), (4, 'two', NULL, NULL, NULL);
INSERT INTO words (id, e, s64) VALUES (5, 'one', 18446744073709551615);
