package itest

import "testing"

// TestValuesByHand: a DDL that would leave rows of the target with other values than
// the source's is refused before anything is changed. The remedies of the errors work.
func TestValuesByHand(t *testing.T) {
	r := theRig(t)
	for _, c := range []byHand{
		{name: "byhand_zerofill", source: []string{"CREATE TABLE z (id INT PRIMARY KEY, c INT(6) ZEROFILL, d INT)", "INSERT INTO z VALUES (1, 42, 1), (2, 1234567, 2), (3, NULL, 3)"},
			ddl: "ALTER TABLE z ADD COLUMN e INT, MODIFY c VARCHAR(20)",
			tries: []attempt{
				{says: "column c of byhand_zerofill.z from INT(6) unsigned zerofill to VARCHAR(20)"},
				{hand: []string{"ALTER TABLE z MODIFY c VARCHAR(20)"}, says: "column e is missing"},
				{hand: []string{"UPDATE z SET c = LPAD(c, GREATEST(6, LENGTH(c)), '0')", "ALTER TABLE z ADD COLUMN e INT"}},
			},
			after: []string{"INSERT INTO z VALUES (4, 'x', 4, 5)", "UPDATE z SET c = CONCAT(c, '!') WHERE id = 1"}},
		{name: "byhand_null", source: []string{"CREATE TABLE n (id INT PRIMARY KEY, c INT)", "INSERT INTO n VALUES (1, 1), (2, NULL)", "SET SESSION sql_mode=''"},
			ddl: "ALTER TABLE n MODIFY c INT NOT NULL",
			tries: []attempt{
				{says: "became NOT NULL without strict mode"},
				{hand: []string{"UPDATE n SET c = 0 WHERE c IS NULL"}},
			},
			after: []string{"UPDATE n SET c = 7 WHERE id = 2"}},
		{name: "byhand_null_timestamp", source: []string{"CREATE TABLE q (id INT PRIMARY KEY, d DATE)", "INSERT INTO q VALUES (1, NULL), (2, '2024-01-01')", "SET SESSION timestamp=1580731200"},
			ddl: "ALTER TABLE q MODIFY d TIMESTAMP(3) NOT NULL DEFAULT '2024-01-01 00:00:00'",
			tries: []attempt{
				{says: "MODIFY d TIMESTAMP(3) NULL, then give d"},
				{hand: []string{"ALTER TABLE q MODIFY d TIMESTAMP(3) NULL", "UPDATE q SET d = '2020-02-03 12:00:00' WHERE d IS NULL",
					"ALTER TABLE q MODIFY d TIMESTAMP(3) NOT NULL DEFAULT '2024-01-01 00:00:00'"}},
			},
			after: []string{"INSERT INTO q VALUES (3, '2024-01-02 03:04:05.678')"}, unsure: true},
		{name: "byhand_primary_null", source: []string{"CREATE TABLE k (a INT, b VARCHAR(9))", "INSERT INTO k VALUES (1, 'x'), (NULL, NULL), (3, NULL)", "SET SESSION sql_mode=''"},
			ddl: "ALTER TABLE k ADD PRIMARY KEY (a, b)",
			tries: []attempt{
				{says: "became NOT NULL without strict mode"},
				{hand: []string{"UPDATE k SET a = IFNULL(a, 0), b = IFNULL(b, '')"}},
			},
			after: []string{"INSERT INTO k VALUES (4, 'y')", "DELETE FROM k WHERE a = 0"}, unsure: true},
		{name: "byhand_rebuild", source: []string{"CREATE TABLE w (id BIGINT PRIMARY KEY, v INT)", "INSERT INTO w VALUES (1, 1), (3000000000, 2)", "SET SESSION sql_mode=''"},
			ddl: "ALTER TABLE w MODIFY id INT NOT NULL", steps: 3,
			tries: []attempt{
				{says: "the target refused"},
				{hand: []string{"CREATE TABLE w2 (id INT NOT NULL PRIMARY KEY, v INT)", "INSERT INTO w2 SELECT LEAST(id, 2147483647), v FROM w",
					"DROP TABLE w", "RENAME TABLE w2 TO w"}},
			},
			after: []string{"UPDATE w SET v = 7 WHERE id > 1"}},
		{name: "byhand_fraction", source: []string{"CREATE TABLE f (id INT PRIMARY KEY, c DATETIME(6))", "INSERT INTO f VALUES (1, '2024-01-31 23:59:59.7'), (2, NULL)"},
			ddl: "ALTER TABLE f MODIFY c DATE",
			tries: []attempt{
				{says: "fractions of a second"},
				{hand: []string{"UPDATE f SET c = '2024-02-01' WHERE id = 1"}},
			},
			after: []string{"INSERT INTO f VALUES (3, '2024-01-31')"}},
		{name: "byhand_generated", source: []string{"CREATE TABLE g (id INT PRIMARY KEY, s VARCHAR(20) CHARACTER SET latin1)", "INSERT INTO g VALUES (1, 'é'), (2, NULL)"},
			ddl: "ALTER TABLE g ADD COLUMN len INT AS (LENGTH(s)) STORED",
			tries: []attempt{
				{says: "the new generated column len of byhand_generated.g"},
				{hand: []string{"ALTER TABLE g ADD COLUMN len INT", "UPDATE g SET len = CHAR_LENGTH(s)"}},
			},
			after: []string{"INSERT INTO g (id, s) VALUES (3, 'éé')", "UPDATE g SET s = 'ééé' WHERE id = 1"}},
		{name: "byhand_base", source: []string{"CREATE TABLE b (id INT PRIMARY KEY, s VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin, len INT AS (LENGTH(s)) STORED, twice INT AS (len * 2) STORED)",
			"INSERT INTO b (id, s) VALUES (1, 'é'), (2, NULL)"},
			ddl: "ALTER TABLE b MODIFY s VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
			tries: []attempt{
				{says: "computed column len of byhand_base.b again, as a column that it depends on has another type"},
				{hand: []string{"UPDATE b SET len = LENGTH(s)", "ALTER TABLE b COMMENT = 'repaired'"}},
			},
			after: []string{"INSERT INTO b (id, s) VALUES (3, '日')", "UPDATE b SET s = 'ééé' WHERE id = 1"}},
		{name: "byhand_stored", source: []string{"CREATE TABLE p (id INT PRIMARY KEY, m DECIMAL(10,4), g DECIMAL(10,2) AS (m + 1.5) STORED)", "INSERT INTO p (id, m) VALUES (1, 1.0049), (2, NULL)"},
			ddl: "ALTER TABLE p MODIFY g DECIMAL(12,4) AS (m + 1.5) STORED",
			tries: []attempt{
				{says: "computed column g of byhand_stored.p again for its new type DECIMAL(12,4)"},
				{hand: []string{"ALTER TABLE p DROP COLUMN g", "ALTER TABLE p ADD COLUMN g DECIMAL(12,4) AS (m + 1.5) VIRTUAL"}},
			},
			after: []string{"INSERT INTO p (id, m) VALUES (3, 7)"}},
		{name: "byhand_expression", source: []string{"CREATE TABLE x (id INT PRIMARY KEY, s VARCHAR(20) CHARACTER SET latin1, len INT AS (LENGTH(s)) STORED)", "INSERT INTO x (id, s) VALUES (1, 'é'), (2, NULL)"},
			ddl: "ALTER TABLE x MODIFY len INT AS (LENGTH(s) * 2) STORED COMMENT 'new'",
			tries: []attempt{
				{says: "computed column len of byhand_expression.x again"},
				{hand: []string{"UPDATE x SET len = len * 2", "ALTER TABLE x MODIFY len INT COMMENT 'new'"}},
			},
			after: []string{"INSERT INTO x (id, s) VALUES (3, 'éé')", "UPDATE x SET s = 'ééé' WHERE id = 1"}},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, r) })
	}
}
