package binlog

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"sluice/replica"
)

// mysqlStreams are what only MySQL does.
func mysqlStreams(t *testing.T, l *lab) {
	t.Run("Compressed", func(t *testing.T) { compressedTransactions(t, l) })
	t.Run("CompressedLarge", func(t *testing.T) { compressedLarge(t, l) })
	t.Run("Tags", func(t *testing.T) { taggedGTIDs(t, l) })
	t.Run("PartialJSON", func(t *testing.T) { partialUpdates(t, l) })
	t.Run("Metadata", func(t *testing.T) { fullMetadata(t, l) })
	t.Run("Authentication", func(t *testing.T) { sha2Accounts(t, l) })
}

func compressedTransactions(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE zipped (id INT PRIMARY KEY, v VARCHAR(1000))", "CREATE TABLE zipped_other (id INT PRIMARY KEY)")
	x := l.tables(t, "zipped")
	for _, from := range []replica.Position{l.here(t), l.hereFile(t)} {
		c := l.fresh(t)
		runOn(t, c, "SET SESSION binlog_transaction_compression=ON", "DELETE FROM zipped", "INSERT INTO zipped VALUES (1, REPEAT('a', 900))",
			"BEGIN", "INSERT INTO zipped VALUES (2, REPEAT('b', 900)), (3, '')", "INSERT INTO zipped_other VALUES (1)", "SAVEPOINT s",
			"UPDATE zipped SET v = 'x' WHERE id = 2", "ROLLBACK TO s", "DELETE FROM zipped WHERE id = 1", "COMMIT", "DELETE FROM zipped_other",
			"SET SESSION binlog_transaction_compression=OFF", "INSERT INTO zipped VALUES (4, 'plain')")
		end := l.hereFile(t).At()
		txns := l.collect(t, l.open(t, from, x))
		wantIDs(t, ids(txns[len(txns)-4:]), 1, 2, 3, 1, 4)
		if got := txns[len(txns)-1].End; got != end {
			t.Errorf("ends at %s, want %s", got, end)
		}
		at := from.Clone()
		for _, x := range txns[:len(txns)-3] {
			at.Advance(x.ID)
		}
		wantIDs(t, ids(l.collect(t, l.open(t, at, x))), 2, 3, 1, 4)
	}
	if n := l.logged(t, "Transaction_payload"); n < 5 {
		t.Errorf("only %d compressed transactions were logged", n)
	}
}

// compressedLarge reads a transaction of 40 MB that takes some hundred KB in
// the binlog, and one of as many random bytes, whose event takes several
// packets: they come in parts, and memory does not hold more than a few.
func compressedLarge(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE zlarge (id INT PRIMARY KEY, v MEDIUMBLOB)")
	const rows, size = 40, 1 << 20
	random := make([]byte, rows*size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(random)
	partsOf(t, l, bytes.Repeat([]byte("x"), rows*size), size, 16<<20)
	l.exec(t, "TRUNCATE TABLE zlarge")
	partsOf(t, l, random, size, 16<<20+fullPacket)
}

// partsOf writes rows of size bytes in one transaction and reads it; most is how
// much memory that may take.
func partsOf(t *testing.T, l *lab, content []byte, size int, most uint64) {
	rows := len(content) / size
	c, from := l.fresh(t), l.here(t)
	runOn(t, c, "SET SESSION binlog_transaction_compression=ON", "BEGIN")
	for i := range rows {
		runOn(t, c, fmt.Sprintf("INSERT INTO zlarge VALUES (%d, X'%x')", i, content[i*size:(i+1)*size]))
	}
	runOn(t, c, "COMMIT")
	file := l.hereFile(t).At()
	rd := l.open(t, from, l.tables(t, "zlarge"), func(c *Config) { c.MaxBytes = 2 << 20 })
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	seen, highest := uint64(0), uint64(0)
	for {
		x, err := rd.Next()
		if err != nil {
			t.Fatal(err)
		}
		if x.Keepalive {
			continue
		}
		if x.FirstRow != seen {
			t.Fatalf("first row %d after %d", x.FirstRow, seen)
		}
		seen += uint64(len(x.Rows))
		for i, r := range x.Rows {
			if at := (int(x.FirstRow) + i) * size; !bytes.Equal(r.After[1].Bytes, content[at:at+size]) {
				t.Fatalf("row %d of part %d has %d other bytes", i, x.FirstRow, len(r.After[1].Bytes))
			}
		}
		if x.Bytes > 4<<20 {
			t.Errorf("a part of %d bytes", x.Bytes)
		}
		runtime.GC()
		runtime.ReadMemStats(&now)
		highest = max(highest, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
		if !x.More {
			if x.End != file {
				t.Errorf("it ends at %s, want %s", x.End, file)
			}
			break
		}
	}
	if seen != uint64(rows) {
		t.Errorf("%d rows", seen)
	}
	if n := l.logged(t, "Transaction_payload"); n == 0 {
		t.Error("the transaction was not compressed")
	}
	if highest > most {
		t.Errorf("%d MB in use for a transaction in parts of 2 MB", highest>>20)
	}
}

func taggedGTIDs(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE tagged (id INT PRIMARY KEY)")
	c, from := l.fresh(t), l.here(t)
	runOn(t, c, "SET gtid_next='AUTOMATIC:blue'", "INSERT INTO tagged VALUES (1)", "INSERT INTO tagged VALUES (2)",
		"SET gtid_next='AUTOMATIC:a_much_longer_tag_of_32_letters_'", "INSERT INTO tagged VALUES (3)", "SET gtid_next='AUTOMATIC'", "INSERT INTO tagged VALUES (4)",
		"SET SESSION binlog_transaction_compression=ON", "SET gtid_next='AUTOMATIC:blue'", "INSERT INTO tagged VALUES (5)", "SET gtid_next='AUTOMATIC'")
	want := l.here(t)
	x := l.tables(t, "tagged")
	txns := l.collect(t, l.open(t, from, x))
	wantIDs(t, ids(txns), 1, 2, 3, 4, 5)
	at := from.Clone()
	for i, done := range txns {
		at.Advance(done.ID)
		if rest := ids(l.collect(t, l.open(t, at, x))); len(rest) != len(txns)-i-1 {
			t.Fatalf("behind %s come %v", at, rest)
		}
	}
	if at.String() != want.String() {
		t.Errorf("the position is %s, the source's %s", at, want)
	}
	if !strings.Contains(at.String(), ":blue:") {
		t.Errorf("no tag in %s", at)
	}
}

func partialUpdates(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE partials (id INT PRIMARY KEY, v JSON)", `INSERT INTO partials VALUES (1, '{"a": "xxxxxxxxxxxxxxxxxxxxxxxx", "b": 1}')`)
	c, from := l.fresh(t), l.here(t)
	runOn(t, c, "SET SESSION binlog_row_value_options=PARTIAL_JSON", "UPDATE partials SET v = JSON_SET(v, '$.b', 2)")
	wantCode(t, l.open(t, from, l.tables(t, "partials")), 61107)
	if txns := l.collect(t, l.open(t, from, l.tables(t))); len(txns) != 1 || len(txns[0].Rows) != 0 {
		t.Errorf("unwanted: %v", txns)
	}
}

// fullMetadata has column names in the table maps.
func fullMetadata(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE named (id INT UNSIGNED PRIMARY KEY, `a b` VARCHAR(9), e ENUM('x'), g DECIMAL(9,2) UNSIGNED, h BIGINT, z YEAR)",
		"SET GLOBAL binlog_row_metadata=FULL")
	from := l.here(t)
	l.exec(t, "INSERT INTO named VALUES (1, 'x', 'x', 1.5, -1, 2000)", "SET GLOBAL binlog_row_metadata=MINIMAL")
	x := l.tables(t, "named")
	var names []string
	rd := l.open(t, from, resolverFunc(func(m *TableMap) (*replica.Table, error) {
		if m.Name == "named" {
			names = m.Names()
		}
		return x.Table(m)
	}))
	wantIDs(t, ids(l.collect(t, rd)), 1)
	if strings.Join(names, ",") != "id,a b,e,g,h,z" {
		t.Errorf("names %q", names)
	}
	wrong := *x.known["named"]
	wrong.Columns = append([]replica.Column(nil), wrong.Columns...)
	wrong.Columns[4].Name = "other"
	x.known["named"] = &wrong
	wantCode(t, l.open(t, from, x), 61131)
}

// resolverFunc is a Resolver without statements.
type resolverFunc func(m *TableMap) (*replica.Table, error)

func (f resolverFunc) Table(m *TableMap) (*replica.Table, error) { return f(m) }
func (resolverFunc) Statement(replica.DDL) error                 { return errStatement }

// sha2Accounts logs in by caching_sha2_password: in full, over TLS and with the
// server's RSA key, then from the server's cache.
func sha2Accounts(t *testing.T, l *lab) {
	l.exec(t, "CREATE USER reader IDENTIFIED BY 'a secret''s \"length\" €'", "GRANT REPLICATION SLAVE ON *.* TO reader")
	x := l.tables(t)
	for _, secure := range []*tls.Config{nil, {InsecureSkipVerify: true}} {
		l.exec(t, "FLUSH PRIVILEGES") // empties the cache
		for range 2 {
			rd := l.open(t, l.here(t), x, func(c *Config) { c.User, c.Password, c.TLS = "reader", "a secret's \"length\" €", secure })
			if len(l.collect(t, rd)) != 0 {
				t.Error("there is more than the mark")
			}
			encrypted := rd.k.c.Encrypted
			if encrypted != (secure != nil) {
				t.Errorf("encrypted %v", encrypted)
			}
			rd.Close()
		}
	}
	cfg := l.config()
	cfg.User, cfg.Password = "reader", "wrong secret"
	if _, err := Open(t.Context(), cfg, l.here(t), x); err == nil || strings.Contains(err.Error(), "wrong secret") {
		t.Errorf("a wrong password: %v", err)
	}
}
