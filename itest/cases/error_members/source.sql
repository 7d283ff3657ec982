CREATE TABLE u (id INT PRIMARY KEY, c ENUM('é','b') CHARACTER SET latin1, d SET('x','é') CHARACTER SET latin1);
INSERT INTO u VALUES (1, 'é', 'x,é'), (2, 'b', '');
