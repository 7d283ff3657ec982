package binlog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/replica"
)

func savepoints(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE saved (id INT PRIMARY KEY)")
	rd := l.open(t, l.here(t), l.tables(t, "saved"))
	l.exec(t, "BEGIN", "INSERT INTO saved VALUES (1)", "SAVEPOINT a", "INSERT INTO saved VALUES (2)", "SAVEPOINT `b c`", "INSERT INTO saved VALUES (3)",
		"ROLLBACK TO a", "INSERT INTO saved VALUES (4)", "SAVEPOINT d", "RELEASE SAVEPOINT d", "COMMIT", "BEGIN", "INSERT INTO saved VALUES (5)", "ROLLBACK")
	txns := l.collect(t, rd)
	wantIDs(t, ids(txns), 1, 4)
	if len(txns) != 1 {
		t.Errorf("%d transactions", len(txns))
	}
}

// empties are transactions without rows; each must move the position.
func empties(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE other_engine (id INT PRIMARY KEY) ENGINE=MyISAM", "CREATE TABLE emptied (id INT PRIMARY KEY)")
	at := l.here(t)
	rd := l.open(t, at, l.tables(t, "emptied"))
	if at.Mode() == replica.ModeGTID {
		uuid := l.text(t, "SELECT @@server_uuid")
		l.exec(t, "SET gtid_next='"+uuid+":999000'", "BEGIN", "COMMIT", "SET gtid_next='AUTOMATIC'")
	}
	l.exec(t, "BEGIN", "COMMIT", "INSERT INTO other_engine VALUES (1), (2)", "FLUSH TABLES", "ANALYZE TABLE emptied", "CREATE USER nobody",
		"DROP USER nobody", "BEGIN", "INSERT INTO other_engine VALUES (3)", "ROLLBACK")
	for _, x := range l.collect(t, rd) {
		if len(x.Rows) != 0 || x.Part() {
			t.Errorf("%v has rows", x)
		}
		at.Advance(x.ID)
	}
	now := l.here(t)
	if n := l.collect(t, l.open(t, at, l.tables(t, "emptied"))); len(n) > 0 {
		t.Errorf("%d transactions are left behind %s, the source is at %s", len(n), at, now)
	}
}

func createSelect(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE selected (id INT PRIMARY KEY)", "INSERT INTO selected VALUES (1), (2), (3)")
	x := l.tables(t, "selected")
	for _, here := range []func(*testing.T) replica.Position{l.here, l.hereFile} {
		rd := l.open(t, here(t), x)
		l.exec(t, "CREATE TABLE made (PRIMARY KEY (id)) SELECT id FROM selected")
		x.known["made"] = l.table(t, "made")
		txns := l.collect(t, rd)
		wantIDs(t, ids(txns), 1, 2, 3)
		var ddl []string
		for _, x := range txns {
			if x.DDL != nil {
				ddl = append(ddl, x.DDL.Text)
				if len(x.Rows) > 0 {
					t.Error("a DDL has rows")
				}
			}
		}
		if len(ddl) != 1 || !strings.HasPrefix(strings.ToUpper(ddl[0]), "CREATE TABLE") || strings.Contains(strings.ToUpper(ddl[0]), "SELECT") {
			t.Errorf("DDL %q", ddl)
		}
		if first := txns[0]; first.DDL == nil || !first.More {
			t.Errorf("first comes %+v", first)
		}
		for _, x := range txns {
			if len(x.Rows) > 0 && x.ID != txns[0].ID {
				t.Errorf("rows of %s behind the DDL of %s", x.ID, txns[0].ID)
			}
		}
		if txns[len(txns)-1].More {
			t.Error("it has no end")
		}
		l.exec(t, "DROP TABLE made")
	}
}

// mixedEngines rolls back a transaction that changed a MyISAM table.
func mixedEngines(t *testing.T, l *lab) {
	if !l.mariadb() && l.text(t, "SELECT @@GLOBAL.enforce_gtid_consistency") == "ON" {
		t.Skip("the server refuses such transactions; TestMySQLWithoutGTIDs has them")
	}
	l.exec(t, "CREATE TABLE inno (id INT PRIMARY KEY)", "CREATE TABLE isam (id INT PRIMARY KEY) ENGINE=MyISAM")
	rd := l.open(t, l.here(t), l.tables(t, "inno", "isam"))
	l.exec(t, "BEGIN", "INSERT INTO inno VALUES (1)", "INSERT INTO isam VALUES (2)", "ROLLBACK", "INSERT INTO isam VALUES (3)")
	got := ids(l.collect(t, rd))
	wantIDs(t, got, 2, 3)
}

func onePhaseXA(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE phased (id INT PRIMARY KEY)")
	rd := l.open(t, l.here(t), l.tables(t, "phased"))
	l.exec(t, "XA START 'one'", "INSERT INTO phased VALUES (1), (2)", "XA END 'one'", "XA COMMIT 'one' ONE PHASE",
		"XA START 'two'", "INSERT INTO phased VALUES (3)", "XA END 'two'", "XA ROLLBACK 'two'")
	wantIDs(t, ids(l.collect(t, rd)), 1, 2)
}

func twoPhaseXA(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE twice (id INT PRIMARY KEY)")
	c := l.fresh(t)
	at := l.here(t)
	for i, end := range []string{"COMMIT", "ROLLBACK"} {
		runOn(t, c, "XA START 'x'", fmt.Sprintf("INSERT INTO twice VALUES (%d)", i), "XA END 'x'", "XA PREPARE 'x'", "XA "+end+" 'x'")
	}
	unwanted := l.tables(t)
	after := at.Clone()
	txns := l.collect(t, l.open(t, at, unwanted))
	for _, x := range txns {
		if len(x.Rows) > 0 || x.DDL != nil || x.Part() {
			t.Errorf("unwanted: %+v", x)
		}
		after.Advance(x.ID)
	}
	if len(txns) != 4 {
		t.Errorf("%d transactions, want two halves twice", len(txns))
	}
	if rest := l.collect(t, l.open(t, after, unwanted)); len(rest) != 0 {
		t.Errorf("behind them come %v", rest)
	}
	wantCode(t, l.open(t, at, l.tables(t, "twice")), 61106)
}

// largeXA is an XA transaction above the bounds: no part of it may be handed on
// before it is known to commit.
func largeXA(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE xlarge (id INT PRIMARY KEY, v VARCHAR(100))")
	c, at := l.fresh(t), l.here(t)
	runOn(t, c, "XA START 'x'", "INSERT INTO xlarge VALUES "+repeated(500, func(k int) string { return fmt.Sprintf("(%d, REPEAT('x', 90))", k) }),
		"XA END 'x'", "XA PREPARE 'x'", "XA ROLLBACK 'x'")
	rd := l.open(t, at, l.tables(t, "xlarge"), func(c *Config) { c.MaxRows = 100 })
	for end := time.Now().Add(patience); time.Now().Before(end); {
		x, err := rd.Next()
		if err != nil {
			var e *replica.Error
			if !errors.As(err, &e) || e.Code != 61106 {
				t.Fatal(err)
			}
			return
		}
		if len(x.Rows) > 0 {
			t.Fatalf("%d rows of a transaction that was rolled back", len(x.Rows))
		}
	}
	t.Fatal("no error came")
}

// statements are writes that were logged as text.
func statements(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE worded (id INT AUTO_INCREMENT PRIMARY KEY, v VARBINARY(9))", "SET @u = 7")
	at := l.here(t)
	c := l.fresh(t)
	runOn(t, c, "SET SESSION binlog_format=STATEMENT", "INSERT INTO worded (v) VALUES (@u)", "UPDATE worded SET v = RAND() LIMIT 1",
		"/* c */ DELETE FROM worded", "INSERT INTO worded (v) VALUES (_binary'\xff\xfe')")
	x := l.tables(t, "worded")
	wantCode(t, l.open(t, at, x), 61105)
	x.refuse, x.statements = nil, nil
	if n := len(ids(l.collect(t, l.open(t, at, x)))); n != 0 || len(x.statements) != 4 {
		t.Errorf("%d rows, statements %q", n, x.statements)
	}
}

func minimalImage(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE minimal (id INT PRIMARY KEY, a INT, b INT)", "INSERT INTO minimal VALUES (1, 2, 3)")
	at := l.here(t)
	c := l.fresh(t)
	runOn(t, c, "SET SESSION binlog_row_image=MINIMAL", "UPDATE minimal SET a = 9")
	wantCode(t, l.open(t, at, l.tables(t, "minimal")), 61134)
	if txns := l.collect(t, l.open(t, at, l.tables(t))); len(ids(txns)) != 0 {
		t.Error("rows of an unwanted table")
	}
}

// unwanted tables are not decoded, whatever they hold.
func unwanted(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE shapes (id INT PRIMARY KEY, g GEOMETRY)", "CREATE TABLE plain (id INT PRIMARY KEY)")
	at := l.here(t)
	l.exec(t, "BEGIN", "INSERT INTO plain VALUES (1)", "INSERT INTO shapes VALUES (1, ST_GeomFromText('POINT(1 2)'))", "INSERT INTO plain VALUES (2)",
		"COMMIT", "INSERT INTO shapes VALUES (2, NULL)", "INSERT INTO shapes VALUES (3, NULL)")
	x := l.tables(t, "plain")
	txns := l.collect(t, l.open(t, at, x))
	wantIDs(t, ids(txns), 1, 2)
	if len(txns) != 3 || txns[0].Bytes == 0 || txns[1].Bytes != 0 {
		t.Errorf("%d transactions", len(txns))
	}
	if n := strings.Count(strings.Join(x.asked, " "), "d.shapes"); n != 1 {
		t.Errorf("the resolver was asked %d times about one table: %v", n, x.asked)
	}
	shapes := l.collect(t, l.open(t, at, l.tables(t, "shapes")))
	const point = "00000000" + "0101000000000000000000F03F0000000000000040" // SRID 0, then WKB
	if got := fmt.Sprintf("%X", shapes[0].Rows[0].After[1].Bytes); got != point {
		t.Errorf("a GEOMETRY is %s instead of %s", got, point)
	}
}

// definitions that do not fit the rows are refused, and a DDL makes the reader
// ask again.
func definitions(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE defined (id INT PRIMARY KEY, a INT)")
	at := l.here(t)
	l.exec(t, "INSERT INTO defined VALUES (1, 1)", "ALTER TABLE defined ADD b INT", "INSERT INTO defined VALUES (2, 2, 2)")
	wantCode(t, l.open(t, at, l.tables(t, "defined")), 61131) // the newest definition does not fit the first row
	old, late := l.tables(t), l.tables(t, "defined")
	old.known["defined"] = &replica.Table{Schema: "d", Name: "defined", Columns: late.known["defined"].Columns[:2]}
	rd := l.open(t, at, old)
	var texts []string
	for end := l.mark(t); ; {
		x, err := rd.Next()
		if err != nil {
			t.Fatal(err)
		}
		if x.DDL != nil {
			texts = append(texts, x.DDL.Text)
			old.known["defined"] = late.known["defined"]
		}
		if len(x.Rows) == 1 && x.Rows[0].Table.Name == "mark" && x.Rows[0].After[0].Num == end {
			break
		}
		for _, r := range x.Rows {
			if r.Table.Name == "defined" && len(r.After) != len(r.Table.Columns) {
				t.Errorf("%d values", len(r.After))
			}
		}
	}
	if len(texts) != 1 || texts[0] != "ALTER TABLE defined ADD b INT" {
		t.Errorf("DDL %q", texts)
	}
	for _, change := range []func(*replica.Column){
		func(c *replica.Column) { c.Type = replica.TypeBigInt },
		func(c *replica.Column) { c.Type = replica.TypeVarchar },
		func(c *replica.Column) { c.Unsigned = true },
	} {
		x := l.tables(t, "defined")
		wrong := *x.known["defined"]
		wrong.Columns = slices.Clone(wrong.Columns)
		change(&wrong.Columns[1])
		x.known["defined"] = &wrong
		if l.mariadb() && wrong.Columns[1].Unsigned {
			continue // its binlog does not tell signs
		}
		l.exec(t, "DELETE FROM defined")
		at := l.here(t)
		l.exec(t, "INSERT INTO defined VALUES (3, 3, 3)")
		wantCode(t, l.open(t, at, x), 61131)
	}
}
