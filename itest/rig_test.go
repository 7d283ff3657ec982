package itest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/itest/compare"
	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// Every account of the rig has a password, so that a test can look for them
// where no secret may be.
const (
	sourcePassword = "source-Geheim-4711"
	storePassword  = "store-Geheim-0815"
	adminPassword  = "admin-Geheim-1234"
	wrongPassword  = "wrong-Geheim-9999"
)

const (
	copyLimit    = 90 * time.Second
	caughtLimit  = 90 * time.Second
	stopLimit    = 10 * time.Second // of a node that gets SIGTERM
	failoverMost = 10 * time.Second
)

// rig is servers and two nodes, shared by the tests of this package: every test
// has a migration and databases of its own, and leaves both nodes running.
type rig struct {
	sources map[servers.Kind]*servers.Server // by the kind that was asked for
	target  *servers.Server
	nodes   node.Cluster
	dir     string
	pools   []*sql.DB
}

var shared struct {
	once sync.Once
	rig  *rig
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.rig != nil {
		if err := shared.rig.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// theRig returns the shared rig with both nodes running.
func theRig(t *testing.T) *rig {
	t.Helper()
	shared.once.Do(func() {
		shared.rig = &rig{}
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		shared.err = shared.rig.start(t.Context(), log)
	})
	if shared.err != nil {
		t.Fatalf("start the rig: %v", shared.err)
	}
	r := shared.rig
	for _, n := range r.nodes {
		if !n.Running() {
			must(t, n.Restart(t.Context()))
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			r.explain(t)
		}
	})
	return r
}

func (r *rig) start(ctx context.Context, log *slog.Logger) error {
	var err error
	if r.dir, err = os.MkdirTemp("", "sluice-itest-"); err != nil {
		return err
	}
	if _, err := node.Build(ctx); err != nil {
		return err
	}
	kinds := servers.Kinds()
	started := make([]*servers.Server, len(kinds))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, kind := range kinds {
		group.Go(func() error {
			use, err := servers.Fallback(groupCtx, kind, log)
			if err != nil {
				return err
			}
			started[i], err = servers.Start(groupCtx, use, servers.Options{Dir: filepath.Join(r.dir, string(kind)), Log: log})
			return err
		})
	}
	err = group.Wait()
	r.sources = map[servers.Kind]*servers.Server{}
	for i, kind := range kinds {
		if kind == servers.TiDB {
			r.target = started[i]
		} else if started[i] != nil {
			r.sources[kind] = started[i]
		}
	}
	if err != nil {
		return err
	}
	if err := r.accounts(ctx); err != nil {
		return err
	}
	for _, name := range []string{"n1", "n2"} {
		n, err := node.Start(ctx, node.Options{Name: name, Dir: filepath.Join(r.dir, name), AdminPassword: adminPassword,
			Store: fmt.Sprintf("sluice:%s@tcp(%s)/", storePassword, r.target.Addr())})
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, n)
	}
	return nil
}

// accounts makes the least that Sluice says it needs at a source, and an
// account of its own at the target.
func (r *rig) accounts(ctx context.Context) error {
	for _, s := range r.sources {
		statements := []string{
			"CREATE USER repl@'%' IDENTIFIED BY '" + sourcePassword + "'",
			"GRANT SELECT, RELOAD, LOCK TABLES, SHOW VIEW, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO repl@'%'",
		}
		if s.Kind == servers.MySQL {
			// A source that has seen XA transactions may have prepared ones.
			statements = append(statements, "GRANT XA_RECOVER_ADMIN ON *.* TO repl@'%'")
		}
		if err := run(ctx, s, statements...); err != nil {
			return err
		}
	}
	return run(ctx, r.target, "CREATE USER sluice@'%' IDENTIFIED BY '"+storePassword+"'", "GRANT ALL ON *.* TO sluice@'%'")
}

func run(ctx context.Context, s *servers.Server, statements ...string) error {
	db, err := s.Open("")
	if err != nil {
		return err
	}
	defer db.Close()
	for _, q := range statements {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %.80s: %w", s.Kind, q, err)
		}
	}
	return nil
}

// explain logs what helps to find the fault.
func (r *rig) explain(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
	defer cancel()
	for _, q := range []string{"SHOW MIGRATION STATUS", "SHOW MIGRATION CHANNELS", "SHOW MIGRATION ERRORS ORDER BY Id DESC LIMIT 8",
		"SHOW MIGRATION EVENTS ORDER BY Id DESC LIMIT 30", "SHOW NODES"} {
		rows, err := r.nodes.Query(ctx, q)
		t.Logf("%s: %d rows, %v", q, len(rows), err)
		for _, row := range rows {
			t.Logf("  %v", map[string]string(row))
		}
	}
	for _, n := range r.nodes {
		t.Logf("the end of the log of %s:\n%s", n.Name, n.LogTail(12))
	}
}

func (r *rig) close() error {
	var err error
	for _, n := range r.nodes {
		err = errors.Join(err, n.Stop(stopLimit+5*time.Second), n.Close())
	}
	for _, p := range r.pools {
		err = errors.Join(err, p.Close())
	}
	for _, s := range r.sources {
		err = errors.Join(err, s.Close())
	}
	if r.target != nil {
		err = errors.Join(err, r.target.Close())
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}

// stream is one test's migration of one database.
type stream struct {
	t         *testing.T
	rig       *rig
	name      string // of the migration and the source
	server    *servers.Server
	from      *sql.DB // the source; its connections have the test's database
	to        *sql.DB // the target, with no database
	databases []string
}

// newStream makes a test's database at the source, with the migration's name,
// and runs statements in it.
func (r *rig) newStream(t *testing.T, server *servers.Server, name string, statements ...string) *stream {
	t.Helper()
	return r.newStreamOf(t, server, name, name, statements...)
}

// newStreamOf is newStream with a database of another name.
func (r *rig) newStreamOf(t *testing.T, server *servers.Server, name, db string, statements ...string) *stream {
	t.Helper()
	s := &stream{t: t, rig: r, name: name, server: server, databases: []string{db}}
	must(t, run(t.Context(), server, "CREATE DATABASE `"+db+"`"))
	s.from, s.to = open(t, server, db), open(t, r.target, "")
	s.exec(statements...)
	t.Cleanup(func() { s.drop() })
	return s
}

func open(t *testing.T, s *servers.Server, db string) *sql.DB {
	t.Helper()
	pool, err := s.Open(db)
	must(t, err)
	t.Cleanup(func() { pool.Close() })
	return pool
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// exec runs statements at the source.
func (s *stream) exec(statements ...string) {
	s.t.Helper()
	for _, q := range statements {
		if _, err := s.from.ExecContext(s.t.Context(), q); err != nil {
			s.t.Fatalf("%.200s: %v", q, err)
		}
	}
}

// define states source and migration; clauses follow FROM SOURCE.
func (s *stream) define(clauses string) {
	s.t.Helper()
	must(s.t, s.rig.nodes.Exec(s.t.Context(),
		fmt.Sprintf("CREATE SOURCE %s SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='repl', SOURCE_PASSWORD='%s'", s.name, s.server.Host, s.server.Port, sourcePassword),
		fmt.Sprintf("CREATE MIGRATION %s FROM SOURCE %s %s", s.name, s.name, clauses)))
}

// start starts the migration and waits until it replicates.
func (s *stream) start() {
	s.t.Helper()
	must(s.t, s.rig.nodes.Exec(s.t.Context(), "START MIGRATION "+s.name))
	s.until(copyLimit, "it replicates", func(row node.Row) bool { return row["Phase"] == "REPLICATE" && row["Status"] == "RUNNING" })
}

// replicate defines and starts a migration of the test's database.
func (s *stream) replicate() {
	s.t.Helper()
	s.define("REPLICATE_DO_DB=(" + s.name + ")")
	s.start()
}

// until waits for a state of the migration. One that stops with an error
// fails the test at once, unless that is waited for.
func (s *stream) until(limit time.Duration, what string, ok func(node.Row) bool) node.Row {
	s.t.Helper()
	var last node.Row
	stopped := false
	err := node.Until(s.t.Context(), limit, s.name+": "+what, func(ctx context.Context) (bool, string) {
		row, err := s.rig.nodes.Migration(ctx, s.name)
		if err != nil {
			return false, err.Error()
		}
		last = row
		done := ok(row)
		stopped = !done && row["Status"] == "ERROR"
		return done || stopped, fmt.Sprintf("%s %s: %s %s", row["Phase"], row["Status"], row["Last_Errno"], row["Last_Error"])
	})
	must(s.t, err)
	if stopped {
		s.t.Fatalf("%s: %s: it stopped: %s %s", s.name, what, last["Last_Errno"], last["Last_Error"])
	}
	return last
}

// caughtUp waits until all that the source has now is applied.
func (s *stream) caughtUp() {
	s.t.Helper()
	must(s.t, s.rig.nodes.CaughtUp(s.t.Context(), s.name, s.from, s.server.Kind, caughtLimit))
}

// equal waits until all is applied and compares all tables; the target must
// have no others.
func (s *stream) equal() {
	s.t.Helper()
	s.caughtUp()
	ctx := s.t.Context()
	list, err := compare.List(ctx, s.from, s.databases...)
	must(s.t, err)
	there, err := compare.List(ctx, s.to, s.databases...)
	must(s.t, err)
	for _, l := range [][]compare.Table{list, there} { // the servers order names differently
		slices.SortFunc(l, func(a, b compare.Table) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	if !slices.Equal(list, there) {
		s.t.Errorf("the source has the tables\n%v\nand the target\n%v", list, there)
		list = slices.DeleteFunc(list, func(c compare.Table) bool { return !slices.Contains(there, c) })
	}
	s.same(list)
}

// same compares tables.
func (s *stream) same(list []compare.Table) {
	s.t.Helper()
	results, err := compare.Tables(s.t.Context(), s.from, s.to, list)
	must(s.t, err)
	if len(results) == 0 {
		s.t.Errorf("%s: there is no table to compare", s.name)
	}
	for _, r := range results {
		if r.Differences != 0 {
			s.t.Errorf("%s.%s: %d differences in %d and %d rows:\n%s", r.SourceSchema, r.SourceTable, r.Differences, r.SourceRows, r.TargetRows,
				strings.Join(r.Sample, "\n"))
		}
	}
}

// owner returns the node that runs the migration's channel.
func (s *stream) owner() *node.Node {
	s.t.Helper()
	row, err := s.rig.nodes.Channel(s.t.Context(), s.name)
	must(s.t, err)
	n := s.rig.nodes.Named(row["Node"])
	if n == nil {
		s.t.Fatalf("%s: the owner %q is no node of the rig", s.name, row["Node"])
	}
	return n
}

// drop removes the migration and its databases on both sides, so that the next
// test finds the rig as it was.
func (s *stream) drop() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), time.Minute)
	defer cancel()
	for _, q := range []string{"STOP MIGRATION IF RUNNING " + s.name, "DROP MIGRATION IF EXISTS " + s.name, "DROP SOURCE IF EXISTS " + s.name} {
		// Stopping takes a moment, and dropping is refused until then.
		err := node.Until(ctx, 20*time.Second, q, func(ctx context.Context) (bool, string) {
			err := s.rig.nodes.Exec(ctx, q)
			return err == nil || strings.Contains(err.Error(), "Unknown"), fmt.Sprint(err)
		})
		if err != nil {
			s.t.Errorf("tidy up: %v", err)
		}
	}
	for _, server := range []*servers.Server{s.server, s.rig.target} {
		for _, db := range s.databases {
			if err := run(ctx, server, "DROP DATABASE IF EXISTS `"+strings.ReplaceAll(db, "`", "``")+"`"); err != nil {
				s.t.Errorf("tidy up: %v", err)
			}
		}
	}
}
