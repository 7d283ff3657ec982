package migration

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply"
	"sluice/itest/compare"
	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/replica/source"
	"sluice/ruleset"
)

type logReport struct{ t *testing.T }

func (l logReport) Error(e *replica.Error, table, pos string) { l.t.Logf("REPORT %v at %s", e, pos) }
func (l logReport) Recovered()                                { l.t.Log("RECOVERED") }
func (l logReport) Event(kind, message string)                { l.t.Logf("EVENT %s %s", kind, message) }

// config returns a channel's configuration between two lab servers.
func config(t *testing.T, src, dst *servers.Server, channel string, spec ruleset.Spec) Config {
	t.Helper()
	rules, err := ruleset.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	mc, err := mysql.ParseDSN(dst.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := apply.NewConnector(mc, nil)
	if err != nil {
		t.Fatal(err)
	}
	db, err := dst.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := apply.EnsureMeta(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	return Config{Channel: channel, Name: channel, Migration: channel, Epoch: 1, Rules: rules, Connector: conn, Target: db,
		Source: source.Config{Name: "s", Host: src.Host, Port: src.Port, User: src.User, Password: src.Password},
		Log:    slog.New(slog.NewTextHandler(os.Stderr, nil)), Report: logReport{t}}
}

func mustExec(t *testing.T, db *sql.DB, stmts ...string) {
	t.Helper()
	for _, s := range stmts {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
}

// until waits for a condition of the runner's status.
func until(t *testing.T, r *Runner, what string, ok func(Status) bool) {
	t.Helper()
	end := time.Now().Add(90 * time.Second)
	for {
		st := r.Status()
		if ok(st) {
			return
		}
		if time.Now().After(end) || st.Status == StatusError {
			t.Fatalf("%s: not reached: phase %s status %s io %q sql %q", what, st.Phase, st.Status, st.IOError, st.SQLError)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func caughtUp(st Status) bool {
	return st.Phase == PhaseReplicate && st.SecondsBehind != nil && *st.SecondsBehind == 0 && (st.Missing == nil || *st.Missing == 0)
}

func TestFirstMigration(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) { firstMigration(t, kind) })
	}
}

func firstMigration(t *testing.T, kind servers.Kind) {
	src, dst := servers.ForTest(t, kind), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	mustExec(t, sdb, "CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(50), n INT)",
		"CREATE TABLE shop.u (id INT PRIMARY KEY, u VARCHAR(20), UNIQUE KEY (u))",
		"CREATE TABLE shop.keyless (x INT, y VARCHAR(20))",
		"INSERT INTO shop.a (v,n) VALUES ('a',1),('b',2),('c',3)",
		"INSERT INTO shop.u VALUES (1,'x'),(2,'y'),(3,NULL)", "INSERT INTO shop.keyless VALUES (1,'a'),(1,'a'),(2,NULL)")
	cfg := config(t, src, dst, "m1/s", ruleset.Spec{DoDB: []string{"shop"}})
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	until(t, r, "replicate", func(st Status) bool { return st.Phase == PhaseReplicate })
	mustExec(t, sdb, "INSERT INTO shop.a (v,n) VALUES ('d',4),('e',5)", "UPDATE shop.a SET n=n+10 WHERE id>1", "DELETE FROM shop.a WHERE id=1",
		"DELETE FROM shop.keyless WHERE x=1 LIMIT 1", "UPDATE shop.keyless SET y='z' WHERE x=2",
		"ALTER TABLE shop.a ADD COLUMN extra VARCHAR(10) NOT NULL DEFAULT 'q' AFTER v, ADD INDEX (n)",
		"INSERT INTO shop.a (v,n,extra) VALUES ('f',6,'w')", "CREATE TABLE shop.born (id INT PRIMARY KEY)", "INSERT INTO shop.born VALUES (1),(2)",
		"RENAME TABLE shop.born TO shop.renamed", "INSERT INTO shop.renamed VALUES (3)")
	tx, _ := sdb.Begin()
	for _, s := range []string{"UPDATE shop.u SET u='tmp' WHERE id=1", "UPDATE shop.u SET u='x' WHERE id=2", "UPDATE shop.u SET u='y' WHERE id=1"} {
		if _, err := tx.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	until(t, r, "caught up", func(st Status) bool { return caughtUp(st) && st.Transactions >= 12 })
	tdb, _ := dst.Open("")
	defer tdb.Close()
	list, err := compare.List(t.Context(), sdb, "shop")
	if err != nil {
		t.Fatal(err)
	}
	res, err := compare.Tables(t.Context(), sdb, tdb, list)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range res {
		t.Logf("%s: %d rows, %d differences %v", x.SourceTable, x.SourceRows, x.Differences, x.Sample)
		if x.Differences != 0 {
			t.Errorf("%s differs", x.SourceTable)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func gtid(t *testing.T, db *sql.DB) string {
	t.Helper()
	var s string
	if err := db.QueryRow("SELECT REPLACE(@@gtid_executed,'\n','')").Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}
