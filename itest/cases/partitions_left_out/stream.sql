INSERT INTO k VALUES (5, 'A'), (6, 'b');
UPDATE k SET s = 'c' WHERE id = 1;
INSERT INTO h VALUES (7, 7);
