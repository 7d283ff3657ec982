package sqladmin

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// code returns the error number that the client got, 0 for none.
func code(err error) uint16 {
	var e *driver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	if err != nil {
		return 1
	}
	return 0
}

func TestOpenRefuses(t *testing.T) {
	withTLS, err := selfSigned("n")
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"no TLS":      {Addr: "0.0.0.0:0", Password: "x"},
		"no password": {Addr: "0.0.0.0:0", TLS: withTLS},
		"node id":     {Addr: "127.0.0.1:0", NodeID: MaxNodeID + 1},
	} {
		cfg.Controller = newDouble()
		if s, err := Open(t.Context(), cfg); err == nil {
			s.Close()
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := Open(t.Context(), Config{Addr: "127.0.0.1:0"}); err == nil {
		t.Error("opened without a Controller")
	}
}

func TestBeyondLoopbackNeedsTLS(t *testing.T) {
	conf, err := selfSigned("n")
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, newDouble(), func(c *Config) { c.Addr, c.TLS = "0.0.0.0:0", conf })
	_, port, _ := net.SplitHostPort(s.Addr().String())
	for params, want := range map[string]uint16{"": 3159, "tls=skip-verify": 0} {
		db, err := sql.Open("mysql", "root:"+testPassword+"@tcp(127.0.0.1:"+port+")/?"+params)
		if err != nil {
			t.Fatal(err)
		}
		if got := code(db.PingContext(t.Context())); got != want {
			t.Errorf("%q: error %d, want %d", params, got, want)
		}
		db.Close()
	}
}

func TestLogin(t *testing.T) {
	s := open(t, newDouble())
	addr := s.Addr().String()
	for dsn, want := range map[string]uint16{
		"root:" + testPassword + "@tcp(" + addr + ")/":                  0,
		"root:" + testPassword + "@tcp(" + addr + ")/SLUICE":            0,
		"root:" + testPassword + "@tcp(" + addr + ")/?tls=skip-verify":  0,
		"root:wrong@tcp(" + addr + ")/?tls=skip-verify":                 CodeAccessDenied,
		"root:wrong@tcp(" + addr + ")/":                                 CodeAccessDenied,
		"root@tcp(" + addr + ")/":                                       CodeAccessDenied,
		"other:" + testPassword + "@tcp(" + addr + ")/?tls=skip-verify": CodeAccessDenied,
		"root:" + testPassword + "@tcp(" + addr + ")/nosuch":            CodeUnknownDatabase,
		"root:wrong@tcp(" + addr + ")/nosuch?tls=skip-verify":           CodeAccessDenied,
	} {
		db, err := sql.Open("mysql", dsn)
		if err != nil {
			t.Fatal(err)
		}
		if got := code(db.PingContext(t.Context())); got != want {
			t.Errorf("%s: error %d, want %d", strings.ReplaceAll(dsn, addr, "addr"), got, want)
		}
		db.Close()
	}
}

func TestEmptyPasswordOnLoopback(t *testing.T) {
	s := open(t, newDouble(), func(c *Config) { c.Password = "" })
	for password, want := range map[string]uint16{"": 0, ":x": CodeAccessDenied} {
		db, err := sql.Open("mysql", "root"+password+"@tcp("+s.Addr().String()+")/?tls=skip-verify")
		if err != nil {
			t.Fatal(err)
		}
		if got := code(db.PingContext(t.Context())); got != want {
			t.Errorf("password %q: error %d, want %d", password, got, want)
		}
		db.Close()
	}
}

func TestResultPackets(t *testing.T) {
	d := newDouble()
	d.result = &Result{Affected: 2, OperationID: 77, Info: "2 migrations start", Warnings: []Warning{{Level: "Note", Code: CodeAlready, Message: "m runs already", Remedy: "nothing"}}}
	db := dial(t, open(t, d), "")
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	res, err := conn.ExecContext(t.Context(), "START MIGRATION ALL")
	if err != nil {
		t.Fatal(err)
	}
	affected, _ := res.RowsAffected()
	id, _ := res.LastInsertId()
	if affected != 2 || id != 77 {
		t.Errorf("affected %d, operation %d", affected, id)
	}
	for range 2 { // reading the warnings keeps them
		var level, message string
		var number int
		if err := conn.QueryRowContext(t.Context(), "SHOW WARNINGS").Scan(&level, &number, &message); err != nil {
			t.Fatal(err)
		}
		if level != "Note" || number != CodeAlready || message != "m runs already. Remedy: nothing" {
			t.Errorf("%s %d %s", level, number, message)
		}
	}
	var remedy string
	if err := conn.QueryRowContext(t.Context(), "SELECT remedy FROM warnings").Scan(&remedy); err != nil || remedy != "nothing" {
		t.Errorf("remedy %q, %v", remedy, err)
	}
}

func TestErrorPacket(t *testing.T) {
	d := newDouble()
	d.err = Errorf(CodeCheckFailed, "2 check(s) failed; first: binlog_format is STATEMENT").WithRemedy("SET GLOBAL binlog_format=ROW")
	db := dial(t, open(t, d), "")
	db.SetMaxOpenConns(1)
	_, err := db.ExecContext(t.Context(), "START MIGRATION shop")
	var e *driver.MySQLError
	if !errors.As(err, &e) || e.Number != CodeCheckFailed || string(e.SQLState[:]) != "HY000" || e.Message != d.err.Error() {
		t.Fatalf("got %#v", err)
	}
	var level, message string
	var number int
	if err := db.QueryRowContext(t.Context(), "SHOW ERRORS").Scan(&level, &number, &message); err != nil || level != "Error" || number != CodeCheckFailed || message != d.err.Error() {
		t.Errorf("SHOW ERRORS: %s %d %s, %v", level, number, message, err)
	}
	d.mu.Lock()
	d.err = errors.New("disk on fire")
	d.mu.Unlock()
	if _, err := db.ExecContext(t.Context(), "START MIGRATION shop"); code(err) != CodeUnknown || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v", err)
	}
}

func TestAuditTextHasNoSecret(t *testing.T) {
	d := newDouble()
	db := dial(t, open(t, d), "")
	if _, err := db.ExecContext(t.Context(), "CREATE SECRET pw PASSWORD ?", "hunter2"); err != nil {
		t.Fatal(err)
	}
	stmt, text := d.last(t)
	s, ok := stmt.(*CreateSecret)
	if !ok || s.Value.Reveal() != "hunter2" || text != "CREATE SECRET pw PASSWORD '<secret>'" {
		t.Errorf("got %+v, %s", stmt, text)
	}
}

func TestKillQueryStopsWait(t *testing.T) {
	d := newDouble()
	s := open(t, d)
	db := dial(t, s, "")
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var id uint32
	if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	if NodeOf(id) != 3 {
		t.Errorf("connection id %d is of node %d", id, NodeOf(id))
	}
	done := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(t.Context(), "WAIT FOR MIGRATION never UNTIL CAUGHT_UP")
		done <- err
	}()
	<-d.waiting
	var info string
	if err := db.QueryRowContext(t.Context(), "SELECT info FROM processlist WHERE id = ?", id).Scan(&info); err != nil || info != "WAIT FOR MIGRATION never UNTIL CAUGHT_UP" {
		t.Errorf("process list: %q, %v", info, err)
	}
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf("KILL QUERY %d", id)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; code(err) != CodeInterrupted {
		t.Errorf("got %v", err)
	}
	if err := conn.PingContext(t.Context()); err != nil {
		t.Errorf("the connection did not survive KILL QUERY: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf("KILL %d", id)); err != nil {
		t.Fatal(err)
	}
	if err := conn.PingContext(t.Context()); err == nil {
		t.Error("the connection survived KILL")
	}
	if _, err := db.ExecContext(t.Context(), "KILL 12345"); code(err) != CodeUnknownThread {
		t.Errorf("got %v", err)
	}
	if stmt, _ := d.last(t); stmt.(*Kill).ID != 12345 {
		t.Errorf("the Controller got %+v", stmt)
	}
}

func TestClientGoesAway(t *testing.T) {
	d := newDouble()
	db := dial(t, open(t, d), "")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(ctx, "WAIT FOR MIGRATION never UNTIL CAUGHT_UP")
		done <- err
	}()
	<-d.waiting
	cancel() // the driver closes its connection
	if err := <-d.ended; !errors.Is(err, errGone) {
		t.Errorf("the wait ended by %v", err)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the driver says %v", err)
	}
}

func TestShutdown(t *testing.T) {
	d := newDouble()
	s := open(t, d)
	db := dial(t, s, "")
	if err := db.PingContext(t.Context()); err != nil { // leaves an idle connection
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "WAIT FOR MIGRATION never UNTIL CAUGHT_UP")
		done <- err
	}()
	<-d.waiting
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-done; code(err) != CodeShutdown {
		t.Errorf("the statement ended by %v", err)
	}
	if _, err := net.DialTimeout("tcp", s.Addr().String(), time.Second); err == nil {
		t.Error("still listening")
	}
}

func TestTooManyConnections(t *testing.T) {
	s := open(t, newDouble(), func(c *Config) { c.MaxConnections = 1 })
	db := dial(t, s, "")
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	other := dial(t, s, "")
	if err := other.PingContext(t.Context()); code(err) != CodeConnCount {
		t.Errorf("got %v", err)
	}
}

// TestTLSClientVerifies checks that the certificate made by itself is a usable
// one.
func TestTLSClientVerifies(t *testing.T) {
	s := open(t, newDouble())
	if err := driver.RegisterTLSConfig("sluice-test", &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}); err != nil {
		t.Fatal(err)
	}
	defer driver.DeregisterTLSConfig("sluice-test")
	db := dial(t, s, "tls=sluice-test")
	var name, cipher string
	if err := db.QueryRowContext(t.Context(), "SHOW STATUS LIKE 'Ssl_cipher'").Scan(&name, &cipher); err != nil || !strings.HasPrefix(cipher, "TLS_") {
		t.Errorf("%s = %q, %v", name, cipher, err)
	}
}
