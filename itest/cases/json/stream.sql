INSERT INTO t SELECT id + 20, j FROM t;
UPDATE t SET j = JSON_SET(j, '$.a', 'changed', '$.new', 3) WHERE id IN (1, 5);
UPDATE t SET j = JSON_ARRAY_APPEND(j, '$', 2) WHERE id IN (4, 9);
UPDATE t SET j = JSON_REMOVE(j, '$.b', '$.c.d') WHERE id = 21;
UPDATE t SET j = NULL WHERE id = 26;
UPDATE t SET j = '{"was": null}' WHERE id = 3;
DELETE FROM t WHERE id IN (2, 27, 31);
