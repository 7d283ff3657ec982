SET sql_mode = 'PAD_CHAR_TO_FULL_LENGTH';
INSERT INTO pad (id, c) VALUES (2, 'ab'), (3, NULL), (4, '');
SET sql_mode = '';
INSERT INTO pad (id, c) VALUES (5, 'ab');
UPDATE pad SET c = 'abc' WHERE id = 1;
