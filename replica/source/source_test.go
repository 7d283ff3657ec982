package source_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/replica/source"
)

func config(s *servers.Server) source.Config {
	return source.Config{Name: "s1", Host: s.Host, Port: s.Port, User: s.User, Password: s.Password, ServerID: 4000}
}

func open(t *testing.T, cfg source.Config) *source.Source {
	t.Helper()
	src, err := source.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

func writer(t *testing.T, s *servers.Server) *sql.DB {
	t.Helper()
	db, err := s.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func eachServer(t *testing.T, test func(t *testing.T, s *servers.Server), args ...string) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB, servers.MariaDB11} {
		t.Run(string(kind), func(t *testing.T) { test(t, servers.ForTest(t, kind, args...)) })
	}
}

// TestFactsAndPositions on each kind of server.
func TestFactsAndPositions(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		src, db := open(t, config(s)), writer(t, s)
		f := src.Facts()
		wantFlavor := source.FlavorMariaDB
		if s.Kind == servers.MySQL {
			wantFlavor = source.FlavorMySQL
			if f.ServerUUID == "" {
				t.Error("no UUID")
			}
		}
		if f.Flavor != wantFlavor || f.Version == "" || f.ServerID == 0 || !f.LogBin || !f.GTIDMode ||
			f.BinlogFormat != "ROW" || f.RowImage != "FULL" || f.MaxAllowedPacket == 0 || !f.AtLeast(5, 7, 0) || f.AtLeast(99, 0, 0) {
			t.Errorf("facts %+v", f)
		}
		before, err := src.BinlogEnd(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		gtids, err := src.ExecutedGTIDs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, "CREATE DATABASE d")
		after, err := src.BinlogEnd(t.Context())
		if err != nil || after.File != before.File || after.Pos <= before.Pos {
			t.Errorf("the binlog's end went from %v to %v, %v", before, after, err)
		}
		if now, err := src.ExecutedGTIDs(t.Context()); err != nil || now == gtids || strings.ContainsAny(now, " \n") {
			t.Errorf("executed %q after %q, %v", now, gtids, err)
		}
		purged, err := src.PurgedGTIDs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, "FLUSH BINARY LOGS", "CREATE DATABASE d2")
		logs, err := src.BinaryLogs(t.Context())
		if err != nil || len(logs) < 2 || logs[0].Bytes == 0 {
			t.Fatalf("logs %v, %v", logs, err)
		}
		// MariaDB keeps files that its crash recovery may need until the next
		// checkpoint, so the purge is asked for until it is done.
		deadline := time.Now().Add(time.Minute)
		for {
			exec(t, db, "PURGE BINARY LOGS TO '"+logs[len(logs)-1].Name+"'")
			left, err := src.BinaryLogs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(left) == 1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("files left: %v", left)
			}
		}
		if now, err := src.PurgedGTIDs(t.Context()); err != nil || now == purged {
			t.Errorf("purged %q after %q, %v", now, purged, err)
		}
		if now, err := src.Now(t.Context()); err != nil || time.Since(now).Abs() > time.Minute {
			t.Errorf("the source's clock says %v, %v", now, err)
		}
		if s.Kind == servers.MySQL {
			exec(t, db, "SET GLOBAL binlog_expire_logs_seconds = 7200")
			if d, err := src.BinlogExpiresIn(t.Context()); err != nil || d != 2*time.Hour {
				t.Errorf("binlogs expire in %v, %v", d, err)
			}
		} else {
			exec(t, db, "SET GLOBAL expire_logs_days = 2")
			if d, err := src.BinlogExpiresIn(t.Context()); err != nil || d != 48*time.Hour {
				t.Errorf("binlogs expire in %v, %v", d, err)
			}
		}
	})
}

// TestTables: base tables with odd names are found with their definitions,
// and views, sequences and system schemas are not.
func TestTables(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		src, db := open(t, config(s)), writer(t, s)
		exec(t, db, "CREATE DATABASE `o``dd.sch ä` CHARACTER SET latin1 COLLATE latin1_german1_ci", "CREATE DATABASE plain",
			"CREATE TABLE `o``dd.sch ä`.`t``a'b\"l.e 日本` (`k\\ey` INT PRIMARY KEY, v TEXT)",
			"CREATE TABLE plain.b (id INT PRIMARY KEY, hidden INT INVISIBLE, g INT AS (id + 1) VIRTUAL)", "CREATE TABLE plain.a (id INT)",
			"INSERT INTO plain.b (id) VALUES (1), (2)",
			"CREATE VIEW plain.v AS SELECT * FROM plain.a")
		if s.Kind != servers.MySQL {
			exec(t, db, "CREATE SEQUENCE plain.seq", "CREATE TABLE plain.h (id INT) WITH SYSTEM VERSIONING")
		}
		tables, err := src.Tables(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, x := range tables {
			names = append(names, x.Schema+"/"+x.Name)
			if !strings.HasPrefix(x.Create, "CREATE TABLE `") {
				t.Errorf("definition of %s: %s", x.Name, x.Create)
			}
		}
		want := "o`dd.sch ä/t`a'b\"l.e 日本, plain/a, plain/b"
		if s.Kind != servers.MySQL {
			want += ", plain/h"
		}
		if got := strings.Join(names, ", "); got != want {
			t.Fatalf("tables %s, want %s", got, want)
		}
		if tables[0].DefaultCharset != "latin1" || tables[0].DefaultCollation != "latin1_german1_ci" {
			t.Errorf("%+v", tables[0])
		}
		if !strings.Contains(tables[2].Create, "hidden") || tables[2].BytesEstimated == 0 {
			t.Errorf("%+v", tables[2])
		}
		some, err := src.Tables(t.Context(), func(schema, table string) bool { return table == "a" })
		if err != nil || len(some) != 1 {
			t.Errorf("%v, %v", some, err)
		}
		_, err = src.ShowCreate(t.Context(), "plain", "v")
		wantError(t, err, 1347, "CONFIG", false)
		_, err = src.ShowCreate(t.Context(), "plain", "none")
		wantError(t, err, 1146, "DDL", false)
	})
}

// TestGeneratedPrimaryKeyIsShown even where the server hides it by default.
func TestGeneratedPrimaryKeyIsShown(t *testing.T) {
	s := servers.ForTest(t, servers.MySQL, "--sql-generate-invisible-primary-key=ON", "--show-gipk-in-create-table-and-information-schema=OFF")
	if s.Kind != servers.MySQL {
		t.Fatal("only MySQL has generated primary keys")
	}
	src := open(t, config(s))
	exec(t, writer(t, s), "CREATE DATABASE d", "CREATE TABLE d.t (a INT)")
	create, err := src.ShowCreate(t.Context(), "d", "t")
	if err != nil || !strings.Contains(create, "my_row_id") {
		t.Errorf("%s, %v", create, err)
	}
}

func wantError(t *testing.T, err error, code uint16, class string, transient bool) {
	t.Helper()
	var e *replica.Error
	if !errors.As(err, &e) || e.Code != code || e.Class != class || e.Transient != transient || e.Message == "" {
		t.Errorf("error %#v (%v), want code %d, class %s, transient %v", e, err, code, class, transient)
		return
	}
	if e.Remedy == "" {
		t.Errorf("no remedy in %v", e)
	}
}

// TestOpenErrors: each way in which a source cannot be opened is named.
func TestOpenErrors(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		exec(t, writer(t, s), "CREATE USER u IDENTIFIED BY 'secret-word'")
		wrong := config(s)
		wrong.User, wrong.Password = "u", "another-word"
		_, err := source.Open(t.Context(), wrong)
		wantError(t, err, 1045, "SOURCE", false)
		if want := "STOP MIGRATION, ALTER SOURCE `" + wrong.Name + "` SOURCE_PASSWORD=.., START MIGRATION"; wrong.Name == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("the remedy does not name source %q: %v", wrong.Name, err)
		}
		if strings.Contains(err.Error(), "another-word") || strings.Contains(fmt.Sprintf("%v %+v %#v", wrong, wrong, wrong), "another-word") {
			t.Errorf("a password is shown: %v", err)
		}
		flavor := config(s)
		flavor.Flavor = source.FlavorMariaDB
		if s.Kind != servers.MySQL {
			flavor.Flavor = source.FlavorMySQL
		}
		_, err = source.Open(t.Context(), flavor)
		wantError(t, err, 61100, "CONFIG", false)

		// The account's rights are asked for when they are used.
		limited := config(s)
		limited.User, limited.Password = "u", "secret-word"
		src := open(t, limited)
		_, err = src.BinlogEnd(t.Context())
		wantError(t, err, 1227, "SOURCE", false)
		exec(t, writer(t, s), "CREATE DATABASE d", "CREATE TABLE d.t (a INT)")
		_, err = src.ShowCreate(t.Context(), "d", "t")
		wantError(t, err, 1142, "SOURCE", false)
	})

	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := closed.Addr().(*net.TCPAddr).Port
	closed.Close()
	_, err = source.Open(t.Context(), source.Config{Host: "127.0.0.1", Port: port})
	wantError(t, err, 2003, "NETWORK", true)
	_, err = source.Open(t.Context(), source.Config{Host: "no-such-host.invalid"})
	wantError(t, err, 2005, "NETWORK", true)

	// A server that accepts and says nothing.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	began := time.Now()
	_, err = source.Open(t.Context(), source.Config{Host: "127.0.0.1", Port: silent.Addr().(*net.TCPAddr).Port, ConnectTimeout: 300 * time.Millisecond})
	wantError(t, err, 2003, "NETWORK", true)
	if time.Since(began) > 10*time.Second {
		t.Errorf("it took %v", time.Since(began))
	}
	for _, bad := range []source.Config{{}, {Host: "h", Port: 70000}, {Host: "h", Flavor: "ORACLE"}, {Host: "h", SSLMode: "MAYBE"},
		{Host: "h", SSLCert: "only"}, {Host: "h", SSLCA: "/no/such/file"}, {Host: "h", SSLCA: "-----BEGIN NONSENSE"}} {
		_, err := source.Open(t.Context(), bad)
		wantError(t, err, 61100, "CONFIG", false)
	}
}

// TestFilesOfTLS names what is no PEM file: a pipe that nobody writes to, a
// device without an end, a folder, and a file that is too large.
func TestFilesOfTLS(t *testing.T) {
	pipe, large := filepath.Join(t.TempDir(), "pipe"), filepath.Join(t.TempDir(), "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "regular", "/dev/zero": "regular", t.TempDir(): "regular", large: "more than"} {
		for option, cfg := range map[string]source.Config{"SOURCE_SSL_CA": {SSLCA: path}, "SOURCE_SSL_CERT": {SSLCert: path, SSLKey: path}} {
			cfg.Host = "h"
			failed := make(chan error, 1)
			go func() { _, err := cfg.TLSConfig(); failed <- err }()
			select {
			case err := <-failed:
				wantError(t, err, 61100, "CONFIG", false)
				if !strings.Contains(err.Error(), option) || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", path, err)
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("%s=%s blocks", option, path)
			}
		}
	}
}

// TestLostConnection: a server that goes away is transient.
func TestLostConnection(t *testing.T) {
	s := servers.ForTest(t, servers.MariaDB)
	src := open(t, config(s))
	conn, err := src.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var id string
	if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	exec(t, writer(t, s), "KILL "+id)
	_, err = conn.ExecContext(t.Context(), "SELECT 1")
	var e *replica.Error
	if !errors.As(source.Classify(err), &e) || !e.Transient {
		t.Errorf("after KILL: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Now(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestTLS goes through all modes with the certificates that MySQL makes.
func TestTLS(t *testing.T) {
	s := servers.ForTest(t, servers.MySQL)
	if s.Kind != servers.MySQL {
		t.Fatal("only MySQL makes its own certificates")
	}
	ca := filepath.Join(s.Dir, "data", "ca.pem")
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	try := func(change func(*source.Config)) (*source.Source, error) {
		cfg := config(s)
		change(&cfg)
		src, err := source.Open(t.Context(), cfg)
		if err == nil {
			t.Cleanup(func() { src.Close() })
		}
		return src, err
	}
	for _, c := range []struct {
		mode      source.SSLMode
		ca        string
		encrypted bool
		code      uint16
	}{
		{mode: source.SSLDisabled},
		{mode: "", encrypted: true},
		{mode: "required", encrypted: true},
		{mode: source.SSLVerifyCA, ca: ca, encrypted: true},
		{mode: source.SSLVerifyCA, ca: string(pem), encrypted: true},
		{mode: source.SSLVerifyCA, code: 2026},               // the system does not know the authority
		{mode: source.SSLVerifyIdentity, ca: ca, code: 2026}, // the certificate names no host
	} {
		src, err := try(func(cfg *source.Config) { cfg.SSLMode, cfg.SSLCA = c.mode, c.ca })
		if c.code != 0 {
			wantError(t, err, c.code, "SOURCE", false)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.mode, err)
			continue
		}
		tls, err := src.TLSConfig()
		if err != nil || src.Facts().Encrypted != c.encrypted || (tls != nil) != c.encrypted {
			t.Errorf("%s: encrypted %v, settings %v, %v", c.mode, src.Facts().Encrypted, tls != nil, err)
		}
	}
	exec(t, writer(t, s), "CREATE USER x IDENTIFIED BY 'p' REQUIRE X509")
	withCert := func(cfg *source.Config) {
		cfg.User, cfg.Password = "x", "p"
		cfg.SSLCert, cfg.SSLKey = filepath.Join(s.Dir, "data", "client-cert.pem"), filepath.Join(s.Dir, "data", "client-key.pem")
	}
	if _, err := try(withCert); err != nil {
		t.Errorf("with a client certificate: %v", err)
	}
	_, err = try(func(cfg *source.Config) { cfg.User, cfg.Password = "x", "p" })
	wantError(t, err, 1045, "SOURCE", false)

	plain := servers.ForTest(t, servers.MariaDB)
	cfg := config(plain)
	cfg.SSLMode = source.SSLRequired
	_, err = source.Open(t.Context(), cfg)
	wantError(t, err, 2026, "SOURCE", false)
	cfg.SSLMode = source.SSLPreferred
	if tls, err := open(t, cfg).TLSConfig(); tls != nil || err != nil {
		t.Errorf("settings for a server without TLS: %v, %v", tls, err)
	}
}

// TestCheckEncryption: CHECK says what protects the connections, and warns of a mode that fell back to plain text.
func TestCheckEncryption(t *testing.T) {
	mysql, maria := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.MariaDB)
	for _, c := range []struct {
		server   *servers.Server
		mode     source.SSLMode
		severity source.Severity
		plain    bool
	}{
		{mysql, source.SSLPreferred, source.OK, false},
		{mysql, source.SSLDisabled, source.Info, false},
		{mysql, source.SSLVerifyCA, source.OK, false},
		{maria, source.SSLPreferred, source.Warning, true},
		{maria, source.SSLDisabled, source.Info, false},
	} {
		cfg := config(c.server)
		cfg.SSLMode = c.mode
		if c.mode == source.SSLVerifyCA {
			cfg.SSLCA = filepath.Join(c.server.Dir, "data", "ca.pem")
		}
		src := open(t, cfg)
		findings, err := src.Check(t.Context(), func(string, string) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(findings, func(f source.Finding) bool { return f.ID == "source.encryption" })
		if i < 0 || findings[i].Severity != c.severity || src.Plain() != c.plain {
			t.Errorf("%s of %s: plain %v, %+v", c.mode, c.server.Kind, src.Plain(), findings)
		}
	}
}
