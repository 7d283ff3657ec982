package binlog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/replica"
)

// mariadbStreams are what only MariaDB does.
func mariadbStreams(t *testing.T, l *lab) {
	t.Run("CompressedEvents", func(t *testing.T) { compressedEvents(t, l) })
	t.Run("Annotations", func(t *testing.T) { annotations(t, l) })
	t.Run("Domains", func(t *testing.T) { domains(t, l) })
	t.Run("TemporaryTables", func(t *testing.T) { temporaryTables(t, l) })
	t.Run("SetStatement", func(t *testing.T) { setStatement(t, l) })
	t.Run("OldTemporals", func(t *testing.T) { oldTemporals(t, l) })
	t.Run("CompressedColumns", func(t *testing.T) { compressedColumns(t, l) })
	t.Run("Native", func(t *testing.T) { nativeAccounts(t, l) })
}

// compressedEvents has compressed queries and rows events of all three kinds.
func compressedEvents(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE squeezed (id INT PRIMARY KEY, v VARCHAR(2000))", "SET GLOBAL log_bin_compress=ON, GLOBAL log_bin_compress_min_len=10")
	defer l.exec(t, "SET GLOBAL log_bin_compress=OFF, GLOBAL log_bin_compress_min_len=256")
	x := l.tables(t, "squeezed")
	for _, from := range []replica.Position{l.here(t), l.hereFile(t)} {
		c := l.fresh(t)
		runOn(t, c, "DELETE FROM squeezed", "INSERT INTO squeezed VALUES (1, REPEAT('a', 1900)), (2, REPEAT('b', 1900))", "UPDATE squeezed SET v = REPEAT('c', 1000) WHERE id = 2",
			"CREATE TABLE squeezed_ddl (id INT PRIMARY KEY COMMENT '"+strings.Repeat("x", 900)+"')", "DELETE FROM squeezed WHERE id = 1", "DROP TABLE squeezed_ddl")
		txns := l.collect(t, l.open(t, from, x))
		wantIDs(t, ids(txns[len(txns)-5:]), 1, 2, 2, 1)
		ddl := txns[len(txns)-3].DDL
		if ddl == nil || !strings.HasPrefix(ddl.Text, "CREATE TABLE squeezed_ddl") || !strings.HasSuffix(ddl.Text, "xxx')") {
			t.Errorf("DDL %v", ddl)
		}
		if v := string(rowsOf(txns[len(txns)-4 : len(txns)-3])[0].After[1].Bytes); v != strings.Repeat("c", 1000) {
			t.Errorf("%d bytes", len(v))
		}
	}
	for _, kind := range []string{"Query_compressed", "Write_rows_compressed", "Update_rows_compressed", "Delete_rows_compressed"} {
		if l.logged(t, kind) == 0 {
			t.Errorf("no %s was logged", kind)
		}
	}
	c, from := l.fresh(t), l.here(t)
	runOn(t, c, "SET SESSION binlog_format=STATEMENT", "UPDATE squeezed SET v = 'a text of more than ten letters'")
	wantCode(t, l.open(t, from, x), 61105)
}

func annotations(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE annotated (id INT PRIMARY KEY)")
	from := []replica.Position{l.here(t), l.hereFile(t)}
	c := l.fresh(t)
	runOn(t, c, "SET SESSION binlog_annotate_row_events=ON", "INSERT INTO annotated VALUES (1)", "BEGIN", "INSERT INTO annotated VALUES (2)",
		"DELETE FROM annotated WHERE id = 1", "COMMIT", "SET SESSION binlog_annotate_row_events=OFF", "INSERT INTO annotated VALUES (3)")
	for _, p := range from {
		wantIDs(t, ids(l.collect(t, l.open(t, p, l.tables(t, "annotated")))), 1, 2, 1, 3)
	}
}

func domains(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE many (id INT PRIMARY KEY)")
	c, from := l.fresh(t), l.here(t)
	runOn(t, c, "INSERT INTO many VALUES (1)", "SET SESSION gtid_domain_id=7", "INSERT INTO many VALUES (2)", "INSERT INTO many VALUES (3)",
		"SET SESSION gtid_domain_id=4294967295, SESSION server_id=4000000000", "INSERT INTO many VALUES (4)", "SET SESSION gtid_domain_id=0, SESSION server_id=1", "INSERT INTO many VALUES (5)")
	want := l.here(t)
	x := l.tables(t, "many")
	txns := l.collect(t, l.open(t, from, x))
	wantIDs(t, ids(txns), 1, 2, 3, 4, 5)
	at := from.Clone()
	for i, done := range txns {
		at.Advance(done.ID)
		if rest := ids(l.collect(t, l.open(t, at, x))); !slices.Equal(rest, []uint64{1, 2, 3, 4, 5}[i+1:]) {
			t.Fatalf("behind %s come %v", at, rest)
		}
	}
	// The marks of collect are behind.
	if !l.here(t).Covers(at) || !at.Covers(want) {
		t.Errorf("the position is %s, the source's was %s", at, want)
	}
}

// temporaryTables are logged in the middle of transactions, and are no tables
// of a channel even when they have the name of one.
func temporaryTables(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE lasting (id INT PRIMARY KEY)")
	c, from := l.fresh(t), l.here(t)
	runOn(t, c, "SET SESSION binlog_format=MIXED", "BEGIN", "INSERT INTO lasting VALUES (1)", "CREATE TEMPORARY TABLE lasting (a INT)",
		"DROP TEMPORARY TABLE lasting", "INSERT INTO lasting VALUES (2)", "COMMIT", "CREATE TEMPORARY TABLE lasting (a INT)", "DROP TABLE lasting",
		"INSERT INTO lasting VALUES (3)")
	x := l.tables(t, "lasting")
	x.refuse = nil // MIXED logs simple inserts as text
	txns := l.collect(t, l.open(t, from, x))
	for _, x := range txns {
		if x.DDL != nil || x.Part() {
			t.Errorf("DDL %v", x.DDL)
		}
	}
	var inserts int
	for _, s := range x.statements {
		if strings.HasPrefix(s, "INSERT INTO lasting") {
			inserts++
		}
	}
	if inserts+len(ids(txns)) != 3 {
		t.Errorf("rows %v, statements %q", ids(txns), x.statements)
	}
}

func setStatement(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE prefixed (id INT PRIMARY KEY)")
	from := l.here(t)
	l.exec(t, "SET STATEMENT lock_wait_timeout=5 FOR ALTER TABLE prefixed ADD a INT", "SET STATEMENT sort_buffer_size=100000 FOR INSERT INTO prefixed VALUES (1, 2)")
	txns := l.collect(t, l.open(t, from, l.tables(t, "prefixed")))
	wantIDs(t, ids(txns), 1)
	if txns[0].DDL == nil || !strings.Contains(txns[0].DDL.Text, "ALTER TABLE prefixed") {
		t.Errorf("first comes %+v", txns[0])
	}
}

// oldTemporals are stored as servers before 5.6 did: without fractions they are
// decoded, with them their width is not known.
func oldTemporals(t *testing.T, l *lab) {
	l.exec(t, "SET GLOBAL mysql56_temporal_format=OFF")
	typesAgree(t, l, "old_temporals", []typeCase{
		{column: "TIME", values: []string{"'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'"}},
		{column: "DATETIME", values: []string{"'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'", "'2021-02-31 01:02:03'"}},
		{column: "TIMESTAMP NULL", values: []string{"'1970-01-01 03:00:01'", "'2038-01-19 06:14:07'", "'0000-00-00 00:00:00'"}},
	})
	l.exec(t, "CREATE TABLE old_fractions (id INT PRIMARY KEY, a TIME(3))", "SET GLOBAL mysql56_temporal_format=ON")
	from := l.here(t)
	l.exec(t, "INSERT INTO old_fractions VALUES (1, '12:00:00.5')")
	wantCode(t, l.open(t, from, l.tables(t, "old_fractions")), 61133)
}

func nativeAccounts(t *testing.T, l *lab) {
	l.exec(t, "CREATE USER reader IDENTIFIED BY 'a secret''s length €'", "GRANT REPLICATION SLAVE ON *.* TO reader")
	rd := l.open(t, l.here(t), l.tables(t), func(c *Config) { c.User, c.Password = "reader", "a secret's length €" })
	if len(l.collect(t, rd)) != 0 {
		t.Error("there is more than the mark")
	}
}

// compressedColumns has rows that are a thousand times larger than their
// images: a part is bounded by what it holds.
func compressedColumns(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE inflated (id INT PRIMARY KEY, v MEDIUMTEXT CHARACTER SET latin1)", "ALTER TABLE inflated MODIFY v MEDIUMTEXT COMPRESSED")
	from := l.here(t)
	l.exec(t, "BEGIN")
	for i := range 40 {
		l.exec(t, fmt.Sprintf("INSERT INTO inflated VALUES (%d, REPEAT('x', 500000))", i))
	}
	l.exec(t, "COMMIT")
	txns := l.collect(t, l.open(t, from, l.tables(t, "inflated"), func(c *Config) { c.MaxBytes = 2 << 20 }))
	if n := len(ids(txns)); n != 40 || len(txns) < 8 {
		t.Errorf("%d rows in %d parts", n, len(txns))
	}
	for _, x := range txns {
		held := 0
		for _, r := range x.Rows {
			held += len(r.After[1].Bytes)
		}
		if x.Bytes < held {
			t.Errorf("a part says %d bytes and holds %d", x.Bytes, held)
		}
	}
}
