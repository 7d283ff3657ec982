package itest

import (
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// byHand is a DDL that TiDB, or Sluice, refuses, and what an operator does then.
type byHand struct {
	name   string
	source []string // before the migration
	ddl    string
	steps  int // of the statement that SHOW MIGRATION DDL has then, the refused one last; 0 for one
	tries  []attempt
	after  []string // at the source, once it goes on
	pairs  bool     // the tables are compared by a query of their own: see the case
	unsure bool     // the repair is of rows, so that nothing is ready for a cutover
}

// attempt is what somebody does in the target before START MIGRATION.
type attempt struct {
	hand []string
	says string // in the error that START leads to; "" when it goes on
}

// TestRepairByHand: after a DDL was refused, the whole statement's result decides
// whether a repair by hand is enough.
func TestRepairByHand(t *testing.T) {
	r := theRig(t)
	for _, c := range []byHand{
		{name: "byhand_key", source: []string{"CREATE TABLE m (id INT NOT NULL, v INT)", "INSERT INTO m VALUES (1, 1), (2, 2)"},
			ddl: "ALTER TABLE m MODIFY id INT NOT NULL AUTO_INCREMENT, ADD UNIQUE KEY (id)",
			tries: []attempt{
				{says: "the target refused"},
				{hand: []string{"ALTER TABLE m ADD UNIQUE KEY (id)"}, says: "column id is not AUTO_INCREMENT"},
				{hand: []string{"CREATE TABLE m2 (id INT NOT NULL AUTO_INCREMENT UNIQUE KEY, v INT)", "INSERT INTO m2 SELECT * FROM m", "DROP TABLE m", "RENAME TABLE m2 TO m"}},
			},
			after: []string{"INSERT INTO m (v) VALUES (3)", "UPDATE m SET v=9 WHERE id=1"}},
		{name: "byhand_steps", source: []string{"CREATE TABLE s (a INT NOT NULL, b INT, c INT, PRIMARY KEY (a))", "INSERT INTO s VALUES (1, 1, 1)"},
			ddl: "ALTER TABLE s DROP PRIMARY KEY, MODIFY c VARCHAR(9) NULL, ADD PRIMARY KEY (a, b)",
			tries: []attempt{
				{hand: []string{"ALTER TABLE s ADD COLUMN d INT"}, says: "column d is not in the source's table"},
				{hand: []string{"CREATE TABLE s2 (a INT NOT NULL, b INT NOT NULL, c VARCHAR(9) NULL, PRIMARY KEY (a, b))", "INSERT INTO s2 SELECT a, b, c FROM s",
					"DROP TABLE s", "RENAME TABLE s2 TO s"}},
			},
			after: []string{"INSERT INTO s VALUES (1, 2, 'x')"}},
		{name: "byhand_rows", source: []string{"CREATE TABLE z (id INT PRIMARY KEY, n INT(6) ZEROFILL)", "INSERT INTO z VALUES (1, 42)"},
			ddl: "ALTER TABLE z MODIFY n VARCHAR(9)",
			tries: []attempt{
				{says: "the source converted column n"},
				{hand: []string{"ALTER TABLE z MODIFY n VARCHAR(9) COLLATE utf8mb4_bin", "UPDATE z SET n=LPAD(n, 6, '0')"}},
			},
			after: []string{"INSERT INTO z VALUES (2, 'x')"}, unsure: true},
		{name: "byhand_number", source: []string{"CREATE TABLE n (v INT)", "INSERT INTO n VALUES (3), (1), (2)"},
			ddl: "ALTER TABLE n ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST",
			tries: []attempt{
				{hand: []string{"CREATE TABLE n2 (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT)", "INSERT INTO n2 (v) SELECT v FROM n", "DROP TABLE n",
					"RENAME TABLE n2 TO n"}, says: "it numbered them for the new column id"},
				{hand: []string{"TRUNCATE TABLE n"}, says: "it numbered them for the new column id"},
			}},
		{name: "byhand_point", source: []string{"CREATE TABLE p (id INT PRIMARY KEY)", "INSERT INTO p VALUES (1)"},
			ddl: "ALTER TABLE p ADD COLUMN g POINT NULL, ADD COLUMN x INT",
			tries: []attempt{
				{says: "TiDB has no type point"},
				{hand: []string{"ALTER TABLE p ADD COLUMN g VARCHAR(20)"}, says: "where a BLOB holds"},
				{hand: []string{"ALTER TABLE p DROP COLUMN g", "ALTER TABLE p ADD COLUMN g LONGBLOB, ADD COLUMN x INT"}},
			},
			after: []string{"INSERT INTO p VALUES (2, ST_GeomFromText('POINT(1 2)'), 5)"}, pairs: true},
		{name: "byhand_partitions", source: []string{"CREATE TABLE q (id INT PRIMARY KEY, v INT) PARTITION BY HASH (id) PARTITIONS 3", "INSERT INTO q VALUES (1, 1), (2, 2)"},
			ddl: "ALTER TABLE q MODIFY v VARCHAR(20)",
			tries: []attempt{
				{says: "the target refused"},
				{hand: []string{"ALTER TABLE q REMOVE PARTITIONING", "ALTER TABLE q MODIFY v VARCHAR(20)", "ALTER TABLE q PARTITION BY HASH (id) PARTITIONS 3"}},
			},
			after: []string{"INSERT INTO q VALUES (3, 'x')", "ALTER TABLE q COALESCE PARTITION 1", "INSERT INTO q VALUES (4, 'y')"}},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, r) })
	}
}

func (c *byHand) run(t *testing.T, r *rig) {
	s := r.newStream(t, r.sources[servers.MySQL], c.name, c.source...)
	target := open(t, r.target, c.name)
	s.replicate()
	s.exec(c.ddl)
	s.stopped("")
	ddl, err := r.nodes.Query(t.Context(), "SHOW MIGRATION DDL WHERE Channel_Name='"+c.name+"'")
	must(t, err)
	if last := max(1, c.steps) - 1; len(ddl) != last+1 || !strings.Contains(ddl[last]["Source_SQL"], c.ddl) || ddl[last]["State"] == "DONE" {
		t.Errorf("SHOW MIGRATION DDL: %v", ddl)
	}
	for _, try := range c.tries {
		for _, q := range try.hand {
			if _, err := target.ExecContext(t.Context(), q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		at := time.Now()
		must(t, r.nodes.Exec(t.Context(), "START MIGRATION "+c.name))
		if try.says != "" {
			s.stoppedSince(at, try.says)
			continue
		}
		s.exec(c.after...)
		s.caughtUp()
		var left int
		must(t, target.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='"+c.name+"' AND table_name LIKE '\\_sluice%'").Scan(&left))
		if left != 0 {
			t.Errorf("%d tables of a rebuild are left in the target", left)
		}
		if !c.pairs {
			s.equal()
			if c.unsure {
				s.until(caughtLimit, "it is not ready after a repair of rows", func(row node.Row) bool {
					return row["Ready_For_Cutover"] == "No" && strings.Contains(row["Next_Step"], "CHECK MIGRATION")
				})
			}
			continue
		}
		var here, there string
		q := "SELECT GROUP_CONCAT(CONCAT_WS(',', id, HEX(g), x) ORDER BY id SEPARATOR ';') FROM p"
		must(t, s.from.QueryRowContext(t.Context(), strings.Replace(q, "HEX(g)", "HEX(CAST(g AS BINARY))", 1)).Scan(&here))
		must(t, target.QueryRowContext(t.Context(), q).Scan(&there))
		if want := "1;2,000000000101000000000000000000F03F0000000000000040,5"; there != want {
			t.Errorf("the target has %s, the source %s", there, here)
		}
	}
}

// stopped waits until the migration is in ERROR; says is in the message.
func (s *stream) stopped(says string) { s.t.Helper(); s.stoppedSince(time.Time{}, says) }

// stoppedSince waits for an error that is newer than a moment.
func (s *stream) stoppedSince(since time.Time, says string) {
	s.t.Helper()
	row := s.until(copyLimit, "it stops", func(row node.Row) bool {
		at, err := time.Parse("2006-01-02 15:04:05.999", row["Last_Error_At"])
		return row["Status"] == "ERROR" && (since.IsZero() || err == nil && at.After(since))
	})
	if !strings.Contains(row["Last_Error"], says) {
		s.t.Errorf("%s: it stops with %q, want %q", s.name, row["Last_Error"], says)
	}
}

// TestExpressionIndexFails: a session of the source without strict mode writes a row for which
// TiDB's index over an expression has no value. The remedy names the index, and works.
func TestExpressionIndexFails(t *testing.T) {
	r := theRig(t)
	const name = "expression_index"
	s := r.newStream(t, r.sources[servers.MySQL], name, "CREATE TABLE u (id INT PRIMARY KEY, s VARCHAR(20), d VARCHAR(20), j JSON, "+
		"KEY k1 ((CAST(s AS SIGNED))), KEY k2 ((CAST(d AS DECIMAL(4,1)))), KEY k3 ((CAST(j->'$.a' AS UNSIGNED ARRAY))))")
	target := open(t, r.target, name)
	s.replicate()
	conn, err := s.from.Conn(t.Context())
	must(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "SET sql_mode=''")
	must(t, err)
	for _, step := range [][2]string{
		{"INSERT INTO u VALUES (1, 'abc', NULL, NULL)", "k1"},
		{"INSERT INTO u VALUES (2, NULL, '1234567', NULL)", "k2"},
		{`INSERT INTO u VALUES (3, NULL, NULL, '{"a": [1, 2.0, true]}')`, "k3"},
	} {
		at := time.Now()
		_, err := conn.ExecContext(t.Context(), step[0])
		must(t, err)
		s.stoppedSince(at, "the target refuses a row")
		s.until(caughtLimit, "its remedy names the index", func(row node.Row) bool { return strings.Contains(row["Remedy"], "the indexes over expressions") })
		if _, err := target.ExecContext(t.Context(), "ALTER TABLE u DROP INDEX "+step[1]); err != nil {
			t.Fatal(err)
		}
		must(t, r.nodes.Exec(t.Context(), "START MIGRATION "+name))
		s.caughtUp()
	}
	s.equal()
}
