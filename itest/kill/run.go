package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/itest/compare"
	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// Config says what a run does.
type Config struct {
	Kills  int
	Seed   uint64
	Source servers.Kind
	// Rows is the size of the keyed table before the copy, and BigRows of the
	// one transaction that is larger than a node holds.
	Rows, BigRows int
	Log           *slog.Logger
	Out           io.Writer
}

// errWrong is returned when the target is not what it must be. The output
// says in what.
var errWrong = errors.New("the target is wrong")

const (
	// killSteps bound the time between two kills. A claim takes up to 5 s, so
	// some come while nobody owns the channel.
	killStepLeast = 1500 * time.Millisecond
	killStepMost  = 5500 * time.Millisecond
	// drainLimit is how long the nodes may take to apply what is left.
	drainLimit = 5 * time.Minute
	// runLimit ends a run that hangs: for each kill, and once.
	limitPerKill = 20 * time.Second
	limitOnce    = 15 * time.Minute
	nodeCount    = 3
)

// run is one run's state.
type run struct {
	Config
	rand           *rand.Rand
	dir            string
	source, target *servers.Server
	from, to       *sql.DB
	nodes          node.Cluster
	load           *load
	watch          *watch
	kills          int
}

// Run is one run, which ends all that it starts.
func Run(ctx context.Context, cfg Config) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limitOnce+time.Duration(cfg.Kills)*limitPerKill, errors.New("the run took too long"))
	defer cancel()
	r := &run{Config: cfg, rand: rand.New(rand.NewPCG(cfg.Seed, 0))}
	r.say("%d kills, seed %d, source %s", cfg.Kills, cfg.Seed, cfg.Source)
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.start(ctx); err != nil {
		return err
	}
	if err := r.chaos(ctx); err != nil {
		r.report(ctx)
		return err
	}
	return r.check(ctx)
}

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.Out, format+"\n", args...) }

// start starts the servers, fills the source, and starts the nodes and the
// migration.
func (r *run) start(ctx context.Context) error {
	kind, err := servers.Fallback(ctx, r.Source, r.Log)
	if err != nil {
		return err
	}
	if _, err := node.Build(ctx); err != nil {
		return err
	}
	if r.dir, err = os.MkdirTemp("", "sluice-kill-"); err != nil {
		return fmt.Errorf("make a folder for the run: %w", err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	begin := func(kind servers.Kind, into **servers.Server, args ...string) {
		group.Go(func() (err error) {
			*into, err = servers.Start(groupCtx, kind, servers.Options{Dir: filepath.Join(r.dir, string(kind)), Args: args})
			return err
		})
	}
	begin(kind, &r.source)
	begin(servers.TiDB, &r.target)
	if err := group.Wait(); err != nil {
		return err
	}
	if r.from, err = r.source.Open(schema); err != nil {
		return err
	}
	if r.to, err = r.target.Open(schema); err != nil {
		return err
	}
	if err := prepare(ctx, r.source, r.Rows); err != nil {
		return err
	}
	for i := range nodeCount {
		name := fmt.Sprintf("n%d", i+1)
		n, err := node.Start(ctx, node.Options{Name: name, Store: r.target.DSN(""), Dir: filepath.Join(r.dir, name)})
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, n)
	}
	return r.nodes.Exec(ctx,
		fmt.Sprintf("CREATE SOURCE kill_source SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='root', SOURCE_PASSWORD=''", r.source.Host, r.source.Port),
		"CREATE MIGRATION m FROM SOURCE kill_source REPLICATE_DO_DB=("+schema+") WITH (copy_threads=1)",
		"START MIGRATION m")
}

// chaos kills while the writers write.
func (r *run) chaos(ctx context.Context) error {
	r.load = newLoad(r.from, r.Seed, r.BigRows)
	r.watch = &watch{nodes: r.nodes, target: r.to, say: r.say}
	working, stop := context.WithCancel(ctx)
	defer stop()
	group, groupCtx := errgroup.WithContext(working)
	group.Go(func() error { return r.load.run(groupCtx) })
	group.Go(func() error { return r.watch.run(groupCtx) })
	group.Go(func() error {
		defer stop()
		return r.killing(groupCtx)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// check waits until all is applied and compares.
func (r *run) check(ctx context.Context) error {
	began := time.Now()
	if err := r.nodes.CaughtUp(ctx, "m", r.from, r.source.Kind, drainLimit); err != nil {
		r.report(ctx)
		return err
	}
	// Tables that only the target has would not show in the comparison.
	lists := make([][]compare.Table, 2)
	for i, db := range []*sql.DB{r.from, r.to} {
		var err error
		if lists[i], err = compare.List(ctx, db, schema); err != nil {
			return fmt.Errorf("list the tables: %w", err)
		}
		slices.SortFunc(lists[i], func(a, b compare.Table) int { return strings.Compare(a.SourceTable, b.SourceTable) })
	}
	results, err := compare.Tables(ctx, r.from, r.to, lists[0])
	if err != nil {
		r.report(ctx)
		return err
	}
	rows, differences, wrong := 0, 0, false
	for _, t := range results {
		rows += t.SourceRows
		differences += t.Differences
		r.say("  %-14s %8d rows  %s  %d differences", t.SourceTable, t.SourceRows, t.Checksum, t.Differences)
		for _, s := range t.Sample {
			r.say("      %s", s)
		}
	}
	if fmt.Sprint(lists[0]) != fmt.Sprint(lists[1]) {
		wrong = true
		r.say("  the tables differ: source %s, target %s", names(lists[0]), names(lists[1]))
	}
	var sum int64
	if err := r.to.QueryRowContext(ctx, bankSum).Scan(&sum); err != nil {
		return fmt.Errorf("add up the bank: %w", err)
	}
	if sum != bankTotal {
		wrong = true
		r.say("  the bank holds %d, and not %d", sum, int64(bankTotal))
	}
	if r.watch.torn > 0 {
		wrong = true
		r.say("  the bank's sum was wrong in %d of %d looks while it replicated: transactions were torn", r.watch.torn, r.watch.looks)
	}
	if r.watch.looks == 0 {
		r.say("  note: the bank was never looked at while it replicated")
	}
	r.say("  %d transactions were written; the nodes needed %.1f s more; the bank was right in %d looks; %s",
		r.load.transactions.Load(), time.Since(began).Seconds(), r.watch.looks-r.watch.torn, r.watch.takeovers())
	wrong = wrong || differences > 0
	if wrong {
		r.report(ctx)
	}
	r.say("kill: %d kills, %d rows, %d differences", r.kills, rows, differences)
	if wrong {
		return errWrong
	}
	return nil
}

func names(list []compare.Table) string {
	var l []string
	for _, t := range list {
		l = append(l, t.SourceTable)
	}
	return strings.Join(l, " ")
}

// report prints what helps to find the fault.
func (r *run) report(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	r.say("  seed %d", r.Seed)
	for _, q := range []string{"SHOW MIGRATION STATUS", "SHOW MIGRATION CHANNELS", "SHOW MIGRATION TABLES", "SHOW MIGRATION ERRORS ORDER BY Id DESC LIMIT 20",
		"SHOW MIGRATION EVENTS ORDER BY Id DESC LIMIT 60", "SHOW MIGRATION DDL"} {
		rows, err := r.nodes.Query(ctx, q)
		r.say("  %s: %d rows %v", q, len(rows), errorText(err))
		for _, row := range rows {
			r.say("    %v", map[string]string(row))
		}
	}
	for _, n := range r.nodes {
		r.say("  the end of the log of %s:\n%s", n.Name, n.LogTail(15))
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// close ends all that was started.
func (r *run) close() error {
	err := r.nodes.Close()
	for _, db := range []*sql.DB{r.from, r.to} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	for _, s := range []*servers.Server{r.source, r.target} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}
