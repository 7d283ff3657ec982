package blackhole

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
)

const guardSQL = "BEGIN /*T! OPTIMISTIC */;UPDATE sluice_meta.lanes SET base='b',extra='',seq=seq+1 WHERE channel='ch' AND lane=%d AND epoch=1 AND seq=0"

// hole starts a black hole in front of a TiDB that has the tables of the
// tests.
func hole(t *testing.T) (*Server, *sql.DB) {
	t.Helper()
	tidb := servers.ForTest(t, servers.TiDB)
	s, err := Start(t.Context(), Options{Upstream: tidb.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	db := sql.OpenDB(connector(t, s.Addr(), tidb.User, tidb.Password))
	t.Cleanup(func() { _ = db.Close() })
	for _, q := range []string{
		"CREATE DATABASE a", "CREATE DATABASE sluice_meta", "CREATE TABLE a.t(k BIGINT PRIMARY KEY, v LONGTEXT)",
		"CREATE TABLE sluice_meta.lanes(channel VARBINARY(200), lane INT, epoch BIGINT, seq BIGINT, base MEDIUMBLOB, extra MEDIUMBLOB, PRIMARY KEY(channel, lane))",
		"INSERT INTO sluice_meta.lanes VALUES ('ch',0,1,0,'',''),('ch',1,1,0,'','')",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return s, db
}

func connector(t *testing.T, addr, user, password string) driver.Connector {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = user, password, "tcp", addr
	cfg.MultiStatements, cfg.MaxAllowedPacket, cfg.Logger = true, 64<<20, &mysql.NopLogger{}
	cfg.ReadTimeout, cfg.WriteTimeout = 30*time.Second, 30*time.Second
	// Both are offered by TiDB and must not be used.
	cfg.AllowFallbackToPlaintext, cfg.TLSConfig = true, "preferred"
	if err := cfg.Apply(mysql.EnableCompression(true)); err != nil {
		t.Fatal(err)
	}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lane is one connection as a slot uses it.
type lane struct {
	t    *testing.T
	conn driver.Conn
}

// onConn runs f on a connection of the pool as a lane would use it.
func onConn(t *testing.T, db *sql.DB, f func(l *lane)) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Raw(func(c any) error {
		f(&lane{t: t, conn: c.(driver.Conn)})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func (l *lane) exec(q string) ([]int64, error) {
	r, err := l.conn.(driver.ExecerContext).ExecContext(l.t.Context(), q, nil)
	if err != nil {
		return nil, err
	}
	return r.(mysql.Result).AllRowsAffected(), nil
}

// want runs a packet and compares its affected rows.
func (l *lane) want(q string, want ...int64) {
	l.t.Helper()
	got, err := l.exec(q)
	if err != nil {
		l.t.Fatalf("%.200s: %v", q, err)
	}
	if !reflect.DeepEqual(got, want) {
		l.t.Fatalf("%.200s: affected %v, want %v", q, got, want)
	}
}

func number(t *testing.T, db *sql.DB, q string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), q).Scan(&n); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return n
}

func TestServer(t *testing.T) {
	s, db := hole(t)
	t.Run("everything else is forwarded", func(t *testing.T) { testForwarded(t, s, db) })
	t.Run("lane transactions are swallowed", func(t *testing.T) { testSwallowed(t, s, db) })
	t.Run("what is not understood is refused", func(t *testing.T) { testRefused(t, s, db) })
	t.Run("prepared statements", func(t *testing.T) { testPrepared(t, s, db) })
	t.Run("packets above 16 MB", func(t *testing.T) { testLarge(t, s, db) })
}

func testForwarded(t *testing.T, s *Server, db *sql.DB) {
	ctx := t.Context()
	for i := range 300 {
		if _, err := db.ExecContext(ctx, "INSERT INTO a.t VALUES (?,?)", i, strings.Repeat("v", i*100)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO a.t VALUES (0,'')"); !isNumber(err, 1062) {
		t.Errorf("a duplicate key gave %v", err)
	}
	rows, err := db.QueryContext(ctx, "SELECT k, LENGTH(v) FROM a.t WHERE k>=? ORDER BY k", 100)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var k, length int
		if err := rows.Scan(&k, &length); err != nil || k != n+100 || length != k*100 {
			t.Fatalf("row %d: %d, %d, %v", n, k, length, err)
		}
	}
	if err := rows.Err(); err != nil || n != 200 {
		t.Errorf("%d rows, %v", n, err)
	}
	multi, err := db.QueryContext(ctx, "SELECT 1; SELECT 2 WHERE 0; SELECT 3")
	if err != nil {
		t.Fatal(err)
	}
	defer multi.Close()
	sets := 1
	for multi.NextResultSet() {
		sets++
	}
	if sets != 3 {
		t.Errorf("%d result sets", sets)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM a.t"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	onConn(t, db, func(l *lane) {
		l.want(fmt.Sprintf(guardSQL, 0)+";INSERT INTO a.t VALUES (1000,'control')", 0, 1, 1)
		l.want("COMMIT", 0)
	})
	if n := number(t, db, "SELECT seq FROM sluice_meta.lanes WHERE lane=0"); n != 1 {
		t.Errorf("the control lane's seq is %d", n)
	}
	if n := number(t, db, "SELECT COUNT(*) FROM a.t"); n != 301 {
		t.Errorf("%d rows in the TiDB behind", n)
	}
	if c := s.Counts(); len(c.Tables) != 0 || c.Commits != 0 || c.Bytes != 0 || s.Rows() != 0 {
		t.Errorf("something was swallowed: %+v", c)
	}
}

func testSwallowed(t *testing.T, s *Server, db *sql.DB) {
	s.Reset()
	before := number(t, db, "SELECT COUNT(*) FROM a.t")
	const rows = "INSERT INTO `a`.`t`(`k`,`v`) VALUES (1,'a;'),(2,'\\''),(3,x'00')"
	onConn(t, db, func(l *lane) {
		guard := fmt.Sprintf(guardSQL, 1)
		l.want(guard+";"+rows+";REPLACE INTO `a`.`u`(`k`) VALUES (1),(2);DELETE FROM `a`.`t` WHERE `k` IN (1,2)", 0, 1, 3, 2, 2)
		l.want("UPDATE `a`.`t` SET `v`='x' WHERE `k`=1;INSERT INTO `a`.`t`(`k`,`v`) VALUES (1,'b'),(2,'c') ON DUPLICATE KEY UPDATE `v`=VALUES(`v`)", 1, 4)
		if s.Rows() != 0 {
			t.Error("rows count before their commit")
		}
		l.want("COMMIT", 0)
		l.want(guard, 0, 1) // alone, as a retry sends it
		l.want(rows, 3)
		l.want("ROLLBACK", 0)
		l.want(guard+";"+rows+";INSERT INTO sluice_meta.chunks VALUES ('ch','a','t',1,'','',3,100);COMMIT", 0, 1, 3, 1, 0)
		l.want("DO 1", 0) // forwarded again
		var many strings.Builder
		for i := range 600 { // sequence numbers wrap
			fmt.Fprintf(&many, ";UPDATE `a`.`t` SET `v`='x' WHERE `k`=%d", i)
		}
		got, err := l.exec(guard + many.String())
		if err != nil || len(got) != 602 {
			t.Errorf("%d answers, %v", len(got), err)
		}
		l.want("COMMIT", 0)
	})
	c := s.Counts()
	wantT := TableCounts{Inserted: 6, Upserted: 2, Updated: 601, Deleted: 2, Statements: 605}
	if c.Tables["`a`.`t`"] != wantT || c.Tables["`a`.`u`"] != (TableCounts{Replaced: 2, Statements: 1}) ||
		c.Tables["sluice_meta.chunks"] != (TableCounts{Inserted: 1, Statements: 1}) || len(c.Tables) != 3 {
		t.Errorf("tables %+v", c.Tables)
	}
	wantT.Replaced, wantT.Statements = 2, 606
	if c.Total != wantT || c.Total.Rows() != 613 || s.Rows() != 613 || c.Commits != 3 || c.Rollbacks != 1 || c.Refused != 0 {
		t.Errorf("counts %+v, rows %d", c, s.Rows())
	}
	if got := s.Chunks(); len(got) != 1 || !strings.HasPrefix(got[0], "INSERT INTO sluice_meta.chunks VALUES ('ch'") {
		t.Errorf("chunks %q", got)
	}
	if n := number(t, db, "SELECT COUNT(*) FROM a.t"); n != before {
		t.Errorf("the TiDB behind has %d rows instead of %d", n, before)
	}
	if n := number(t, db, "SELECT seq FROM sluice_meta.lanes WHERE lane=1"); n != 0 {
		t.Errorf("the lane's seq is %d in the TiDB behind", n)
	}
	s.Reset()
	if c := s.Counts(); len(c.Tables) != 0 || !reflect.DeepEqual(c, Counts{Tables: map[string]TableCounts{}}) || s.Rows() != 0 || len(s.Chunks()) != 0 {
		t.Errorf("after Reset %+v", c)
	}
}

func testRefused(t *testing.T, s *Server, db *sql.DB) {
	s.Reset()
	guard := fmt.Sprintf(guardSQL, 2)
	for _, q := range []string{"SELECT 1", "DELETE FROM `a`.`t`", "CREATE TABLE a.x(k INT)", "INSERT INTO a.t SELECT 1,2", guard} {
		onConn(t, db, func(l *lane) {
			_, err := l.exec(guard + ";INSERT INTO a.t VALUES (1,2);" + q + ";INSERT INTO a.t VALUES (2,2)")
			if !isNumber(err, 1064) || !strings.Contains(err.Error(), q[:min(len(q), 80)]) {
				t.Errorf("%s: %v", q, err)
			}
			if _, err := l.exec(q); !isNumber(err, 1064) {
				t.Errorf("%s alone: %v", q, err)
			}
			l.want("ROLLBACK", 0)
			l.want("DO 1", 0)
		})
	}
	onConn(t, db, func(l *lane) {
		l.want(guard, 0, 1)
		if _, err := l.conn.Prepare("SELECT 1"); !isNumber(err, 1064) {
			t.Errorf("a prepared statement inside: %v", err)
		}
		if err := l.conn.(driver.Pinger).Ping(t.Context()); err != nil {
			t.Errorf("ping inside: %v", err)
		}
		l.want("ROLLBACK", 0)
	})
	if c := s.Counts(); c.Refused != 11 || c.Total.Rows() != 0 || c.Commits != 0 {
		t.Errorf("counts %+v", c)
	}
}

// testPrepared: what was prepared before is executed inside a lane transaction
// by the black hole, and outside of one by the TiDB.
func testPrepared(t *testing.T, s *Server, db *sql.DB) {
	s.Reset()
	before := number(t, db, "SELECT COUNT(*) FROM a.t")
	onConn(t, db, func(l *lane) {
		st, err := l.conn.Prepare("INSERT INTO `a`.`t`(`k`,`v`) VALUES (?,?),(?,NULL),(?,?)")
		if err != nil {
			t.Fatal(err)
		}
		run := func() (int64, error) {
			args := []driver.NamedValue{{Ordinal: 1, Value: int64(900001)}, {Ordinal: 2, Value: "it's"}, {Ordinal: 3, Value: int64(900002)},
				{Ordinal: 4, Value: int64(900003)}, {Ordinal: 5, Value: "(b)"}}
			r, err := st.(driver.StmtExecContext).ExecContext(t.Context(), args)
			if err != nil {
				return 0, err
			}
			return r.RowsAffected()
		}
		for range 2 {
			l.want(fmt.Sprintf(guardSQL, 1), 0, 1)
			for range 2 {
				if n, err := run(); n != 3 || err != nil {
					t.Errorf("%d rows: %v", n, err)
				}
			}
			l.want("COMMIT", 0)
		}
		if n, err := run(); n != 3 || err != nil {
			t.Errorf("outside of a lane: %d rows: %v", n, err)
		}
		other, err := l.conn.Prepare("DELETE FROM a.t")
		if err != nil {
			t.Fatal(err)
		}
		l.want(fmt.Sprintf(guardSQL, 1), 0, 1)
		if _, err := other.(driver.StmtExecContext).ExecContext(t.Context(), nil); !isNumber(err, 1243) {
			t.Errorf("a statement that counts no rows: %v", err)
		}
		l.want("ROLLBACK", 0)
	})
	if c := s.Counts(); c.Total.Inserted != 12 || c.Total.Statements != 4 || c.Commits != 2 || c.Refused != 1 {
		t.Errorf("counts %+v", c)
	}
	if n := number(t, db, "SELECT COUNT(*) FROM a.t") - before; n != 3 {
		t.Errorf("the TiDB behind has %d more rows instead of 3", n)
	}
}

func testLarge(t *testing.T, s *Server, db *sql.DB) {
	s.Reset()
	guard := fmt.Sprintf(guardSQL, 1)
	onConn(t, db, func(l *lane) {
		head := guard + ";INSERT INTO `a`.`t`(`k`,`v`) VALUES (1,'"
		const tail = "'),(2,'b')"
		for _, packet := range []int{splitBytes - 1, splitBytes, splitBytes + 1, 2 * splitBytes, 2*splitBytes + 100} {
			q := head + strings.Repeat("x", packet-1-len(head)-len(tail)) + tail
			l.want(q, 0, 1, 2)
			l.want("COMMIT", 0)
		}
	})
	if c := s.Counts(); c.Total.Inserted != 10 || c.Commits != 5 {
		t.Errorf("counts %+v", c)
	}
	if _, err := db.ExecContext(t.Context(), "SET GLOBAL max_allowed_packet=67108864"); err != nil {
		t.Fatal(err)
	}
	onConn(t, db, func(l *lane) {
		for _, packet := range []int{splitBytes, splitBytes + 1000} {
			const head, tail = "DO LENGTH('", "')"
			l.want(head+strings.Repeat("x", packet-1-len(head)-len(tail))+tail, 0)
		}
	})
}

func isNumber(err error, number uint16) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && me.Number == number
}

func TestUpstreamAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Start(ctx, Options{Upstream: addr, Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connector(t, s.Addr(), "root", "").Connect(ctx); !isNumber(err, 1105) {
		t.Errorf("connect: %v", err)
	}
	cancel()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Start(t.Context(), Options{}); err == nil {
		t.Error("no upstream, no error")
	}
}
