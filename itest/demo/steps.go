package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"sluice/itest/compare"
	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// errDifferences is returned when the target is not equal to the source.
var errDifferences = errors.New("the target differs from the source")

// demo is what one run has started.
type demo struct {
	out  *screen
	log  *slog.Logger
	keep bool

	dir            string
	source, target *servers.Server
	from, to       *sql.DB // the databases of both, schema shop
	nodes          node.Cluster
	traffic        *traffic
	failover       string
	finished       bool
}

// stepLimit bounds a wait that should take seconds.
const stepLimit = 2 * time.Minute

func (d *demo) run(ctx context.Context) (err error) {
	kind, err := d.getServers(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	began := time.Now()
	limited, cancel := context.WithTimeoutCause(ctx, runLimit, fmt.Errorf("the demo took more than %v", runLimit))
	defer cancel()
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return d.startServers(ctx, kind) },
		d.fill, d.startNodes, d.define, d.copy, d.replicate,
	} {
		if err := step(limited); err != nil {
			return err
		}
	}
	tables, differences, err := d.compare(limited)
	if err != nil {
		return err
	}
	d.summary(limited, time.Since(began))
	if d.keep {
		d.out.bare("\nEverything runs until Ctrl-C.")
		<-ctx.Done()
	}
	d.finished = true
	d.out.bare("\ndemo: %d tables compared, %d differences", tables, differences)
	if differences != 0 {
		return errDifferences
	}
	return nil
}

// getServers finds or fetches what the demo runs, and says what cannot be had.
func (d *demo) getServers(ctx context.Context) (servers.Kind, error) {
	d.out.bare("Sluice: MySQL to TiDB, while both are in use")
	d.out.heading("Get the servers (the first time on a machine this downloads and compiles for some minutes)")
	kind, err := servers.Fallback(ctx, servers.MySQL, d.log)
	if err != nil {
		return kind, fmt.Errorf("neither MySQL nor MariaDB can be had: %w", err)
	}
	if kind != servers.MySQL {
		d.out.line("MySQL cannot be had here (the reason is above): MariaDB stands in for it.")
	}
	if _, err := servers.Locate(ctx, servers.TiDB, d.log); err != nil {
		return kind, fmt.Errorf("TiDB cannot be had: %w", err)
	}
	if _, err := node.Build(ctx); err != nil {
		return kind, err
	}
	return kind, nil
}

func (d *demo) startServers(ctx context.Context, kind servers.Kind) error {
	var err error
	if d.dir, err = os.MkdirTemp("", "sluice-demo-"); err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	start := func(kind servers.Kind, into **servers.Server) {
		group.Go(func() (err error) {
			*into, err = servers.Start(groupCtx, kind, servers.Options{Dir: filepath.Join(d.dir, string(kind))})
			return err
		})
	}
	start(kind, &d.source)
	start(servers.TiDB, &d.target)
	if err := group.Wait(); err != nil {
		return err
	}
	if d.from, err = d.source.Open("shop"); err != nil {
		return err
	}
	if d.to, err = d.target.Open("shop"); err != nil {
		return err
	}
	for _, s := range []*servers.Server{d.source, d.target} {
		d.out.line("%-8s %-16s %s", s.Kind, s.Addr(), s.Version)
	}
	return nil
}

func (d *demo) fill(ctx context.Context) error {
	d.out.heading("A shop in " + string(d.source.Kind))
	began := time.Now()
	db, err := d.source.Open("")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := loadShop(ctx, db); err != nil {
		return err
	}
	d.out.line("%s rows in %d tables, in %.1f s", count(shopRows), len(shopTables)-1, time.Since(began).Seconds())
	d.out.line("visits has no key at all and holds equal rows; coupons has a unique key and no primary key")
	return nil
}

func (d *demo) startNodes(ctx context.Context) error {
	d.out.heading("Two nodes, which find each other through the store in TiDB")
	for _, name := range []string{"n1", "n2"} {
		began := time.Now()
		n, err := node.Start(ctx, node.Options{Name: name, Store: d.target.DSN(""), Dir: filepath.Join(d.dir, name)})
		if err != nil {
			return err
		}
		d.nodes = append(d.nodes, n)
		d.out.line("%s  answers MySQL clients on %s  (after %.1f s)", name, n.Admin, time.Since(began).Seconds())
	}
	return nil
}

// define states the migration, on one node and the other.
func (d *demo) define(ctx context.Context) error {
	d.out.heading("The migration, in SQL, on any node")
	for i, s := range []string{
		"CREATE SECRET shop_password PASSWORD '" + d.source.Password + "'",
		fmt.Sprintf("CREATE SOURCE shop_source SOURCE_HOST='%s', SOURCE_PORT=%d,\n  SOURCE_USER='%s', SOURCE_PASSWORD=SECRET shop_password",
			d.source.Host, d.source.Port, d.source.User),
		"CREATE MIGRATION shop FROM SOURCE shop_source REPLICATE_DO_DB=(shop)",
		"START MIGRATION shop",
	} {
		n := d.nodes[i%len(d.nodes)]
		d.out.statement(n.Name, s)
		if err := n.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// copy shows how the first copy gets on.
func (d *demo) copy(ctx context.Context) error {
	d.out.heading("The copy")
	began := time.Now()
	var row node.Row
	err := node.Until(ctx, stepLimit, "the copy is done", func(ctx context.Context) (bool, string) {
		now, err := d.nodes.Migration(ctx, "shop")
		if err != nil {
			return false, err.Error()
		}
		row = now
		eta := "-"
		if s, ok := row["ETA_Seconds"]; ok {
			eta = s + " s"
		}
		d.out.update("%-8s %s %5s%%  %s of %s rows  %s rows/s  ETA %s", row["Phase"], bar(number(row["Progress_Pct"])),
			fmt.Sprintf("%.1f", number(row["Progress_Pct"])), count(int64(number(row["Rows_Copied"]))),
			count(int64(number(row["Rows_Estimated"]))), count(int64(number(row["Rows_Per_Sec"]))), eta)
		return row["Phase"] == "REPLICATE" || row["Status"] == "ERROR", row["Phase"] + " " + row["Status"] + " " + row["Last_Error"]
	})
	if err != nil {
		return err
	}
	if row["Status"] == "ERROR" {
		return fmt.Errorf("the migration stopped: error %s: %s", row["Last_Errno"], row["Last_Error"])
	}
	took := time.Since(began).Seconds()
	d.out.line("%s 100.0%%  %s rows in %.1f s, %s rows/s; it replicates now", bar(100), count(shopRows), took, count(int64(shopRows/took)))
	return nil
}

func number(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0 // NULL: not known yet
	}
	return f
}

// isRetry says whether a transaction lost a conflict and may be left out.
func isRetry(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && (e.Number == 1213 || e.Number == 1205 || e.Number == 1062 || e.Number == 1020)
}

// compare reads every row of both sides.
func (d *demo) compare(ctx context.Context) (tables, differences int, err error) {
	d.out.heading("Every row of both sides, compared")
	if err := d.nodes.CaughtUp(ctx, "shop", d.from, d.source.Kind, stepLimit); err != nil {
		return 0, 0, err
	}
	list, err := compare.List(ctx, d.from, "shop")
	if err != nil {
		return 0, 0, err
	}
	results, err := compare.Tables(ctx, d.from, d.to, list)
	if err != nil {
		return 0, 0, err
	}
	d.out.line("%-12s %10s %10s  %-16s  differences", "table", "source", "target", "checksum")
	for _, r := range results {
		d.out.line("%-12s %10s %10s  %-16s  %d", r.SourceTable, count(r.SourceRows), count(r.TargetRows), r.Checksum, r.Differences)
		for _, s := range r.Sample {
			d.out.line("    %s", s)
		}
		differences += r.Differences
	}
	return len(results), differences, nil
}

// summary says what was done and how to look around.
func (d *demo) summary(ctx context.Context, took time.Duration) {
	d.out.heading("What happened, in " + took.Round(time.Second).String())
	d.out.line("%s rows were copied and %s transactions replicated, with a new column and a new index on the way.",
		count(shopRows), count(d.traffic.transactions.Load()))
	d.out.line("%s", d.failover)
	d.out.line("")
	if !d.keep {
		d.out.line("KEEP=1 make demo leaves all of it running, to look around with a mysql client.")
		return
	}
	d.out.line("Look around:")
	client := d.client(ctx)
	for _, n := range d.nodes {
		if n.Running() {
			d.out.line("  %s -h 127.0.0.1 -P %s -u root    # %s: SHOW MIGRATIONS; SHOW WORKERS; SHOW MIGRATION STATUS\\G", client, port(n.Admin), n.Name)
		}
	}
	d.out.line("  %s -h 127.0.0.1 -P %d -u root shop    # the source", client, d.source.Port)
	d.out.line("  %s -h 127.0.0.1 -P %d -u root shop    # the target", client, d.target.Port)
	for _, n := range d.nodes {
		d.out.line("  tail -f %s", n.LogFile())
	}
}

// close ends all that was started, nodes first.
func (d *demo) close() error {
	var err error
	for _, n := range d.nodes {
		if stopErr := n.Stop(stopLimit); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("%w; its log ends with\n%s", stopErr, n.LogTail(8)))
		}
		err = errors.Join(err, n.Close())
	}
	for _, db := range []*sql.DB{d.from, d.to} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	for _, s := range []*servers.Server{d.source, d.target} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	if d.dir != "" {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	return err
}

// stopLimit is how long a node may take to end on SIGTERM.
const stopLimit = 15 * time.Second
