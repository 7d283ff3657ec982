SET NAMES latin1;
CREATE TABLE charsets__other.x (id INT COMMENT 'café');
CREATE TABLE fresh (id INT NOT NULL PRIMARY KEY, `café` INT, e ENUM('é','à') COMMENT 'café') DEFAULT CHARSET=utf8mb4;
INSERT INTO fresh VALUES (1, 2, 'à');
ALTER TABLE fresh CHANGE `café` `thé` INT, COMMENT 'naïve';
INSERT INTO fresh VALUES (2, 3, 'é');
RENAME TABLE fresh TO `été`;
INSERT INTO `été` VALUES (3, 4, NULL);
SET NAMES utf8mb4;
