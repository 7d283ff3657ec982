-- Names that have to be quoted: quotes, spaces, dots, keywords, other scripts.
CREATE TABLE `a table` (`the key` INT NOT NULL PRIMARY KEY, `a.b` INT, `quo``te` VARCHAR(20), `order` INT, `Größe` INT, `列` VARCHAR(20), `'"` INT) DEFAULT CHARSET=utf8mb4;
INSERT INTO `a table` VALUES (1, 2, 'x', 3, 4, '行', 5);
CREATE TABLE `dot.ted` (id INT NOT NULL PRIMARY KEY, v INT);
INSERT INTO `dot.ted` VALUES (1, 1);
CREATE TABLE `tick``s` (id INT NOT NULL PRIMARY KEY, v INT);
INSERT INTO `tick``s` VALUES (1, 1);
CREATE TABLE `select` (id INT NOT NULL PRIMARY KEY, `where` INT, KEY `group` (`where`));
INSERT INTO `select` VALUES (1, 1);
CREATE TABLE `表` (id INT NOT NULL PRIMARY KEY, v INT);
INSERT INTO `表` VALUES (1, 1);
CREATE TABLE `UpperCase` (ID INT NOT NULL PRIMARY KEY, Vv INT);
INSERT INTO `UpperCase` VALUES (1, 1);
CREATE TABLE `100%_\` (id INT NOT NULL PRIMARY KEY, `%` INT);
INSERT INTO `100%_\` VALUES (1, 1);
