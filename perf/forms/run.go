package forms

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"sluice/itest/lab/servers"
	"sluice/perf/measure"
)

// Options say how long and how often forms are measured. The zero value is the
// usual measurement of some 12 minutes.
type Options struct {
	// Duration is how long a form is measured in each round; 1 s when 0. A form
	// of DELETE ends earlier when its rows are gone.
	Duration time.Duration
	// Rounds is how often each form is measured; 6 when 0. Many short rounds in
	// changing order bear with other load better than few long ones.
	Rounds int
	// Rows is how many rows a table has before they are updated or deleted;
	// 40,000 when 0. At least one transaction's for each connection.
	Rows int64
	// Blocks bounds a form's transactions in a round; 0: no bound.
	Blocks int64
	// Only leaves out the questions whose text has not this prefix.
	Only string
	// Status hears what is measured, line by line; nil: nobody does.
	Status func(format string, args ...any)
}

func (o *Options) complete() {
	if o.Duration == 0 {
		o.Duration = time.Second
	}
	if o.Rounds == 0 {
		o.Rounds = 6
	}
	if o.Rows == 0 {
		o.Rows = 40_000
	}
	if o.Status == nil {
		o.Status = func(string, ...any) {}
	}
}

// Measure starts a TiDB of the lab, runs the forms against it, and stops it.
func Measure(ctx context.Context, o Options, w io.Writer) (err error) {
	s, err := servers.Start(ctx, servers.TiDB, servers.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return Run(ctx, s.DSN(""), s.PID(), o, w)
}

// Run measures the forms against the TiDB at dsn, whose process on this
// machine is pid, and writes the table and an answer to each question to w. The server
// should be there for this alone: Run makes the schema forms anew and turns
// automatic ANALYZE off for all. A form whose counts or rows are wrong is an error.
func Run(ctx context.Context, dsn string, pid int, o Options, w io.Writer) (err error) {
	o.complete()
	b, err := open(ctx, dsn, pid, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.db.Close()) }()
	text := inserts()
	warm := text[len(text)/2]
	if _, err := b.once(ctx, &warm); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	if err := b.all(ctx, text); err != nil {
		return err
	}
	if err := b.all(ctx, others(b.bestRows())); err != nil {
		return err
	}
	return b.report(w)
}

// bench is one measurement of many forms.
type bench struct {
	options   Options
	connector driver.Connector
	db        *sql.DB
	pid       int
	rows      *rowSource
	results   []*result // in the order of the questions
}

// result is what the rounds of a form gave.
type result struct {
	form   form
	rounds []round
}

// round is one run of a form.
type round struct {
	done           tally
	took           time.Duration
	server, client time.Duration // CPU time
}

// open makes the schema. dsn's database is ignored.
func open(ctx context.Context, dsn string, pid int, o Options) (*bench, error) {
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("understand the DSN: %w", err)
	}
	c.MultiStatements, c.DBName = true, ""
	first, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("make a connector: %w", err)
	}
	admin := sql.OpenDB(first)
	defer admin.Close()
	if _, err := admin.ExecContext(ctx, "DROP DATABASE IF EXISTS forms; CREATE DATABASE forms; SET GLOBAL tidb_enable_auto_analyze=OFF"); err != nil {
		return nil, fmt.Errorf("make the schema: %w", err)
	}
	c.DBName = "forms"
	b := &bench{options: o, pid: pid, rows: newRowSource()}
	if b.connector, err = mysql.NewConnector(c); err != nil {
		return nil, fmt.Errorf("make a connector: %w", err)
	}
	b.db = sql.OpenDB(b.connector)
	if _, err := b.db.ExecContext(ctx, tables); err != nil {
		return nil, errors.Join(fmt.Errorf("make the tables: %w", err), b.db.Close())
	}
	return b, nil
}

const columns = `k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', KEY k (k)`

// tables are the lanes' rows, as in the gateway's schema, and what is written.
const tables = `CREATE TABLE lanes (channel VARBINARY(200) NOT NULL, lane SMALLINT UNSIGNED NOT NULL, epoch BIGINT UNSIGNED NOT NULL,
  seq BIGINT UNSIGNED NOT NULL, base MEDIUMBLOB NOT NULL, extra MEDIUMBLOB NOT NULL,
  PRIMARY KEY (channel, lane) /*T![clustered_index] CLUSTERED */);
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, ` + columns + `);
CREATE TABLE t2 (a INT NOT NULL, b INT NOT NULL, ` + columns + `, PRIMARY KEY (a, b) /*T![clustered_index] CLUSTERED */)`

// prepare empties the form's table, and fills it for one that changes rows. It
// returns how many rows the table has.
func (b *bench) prepare(ctx context.Context, f *form) (rows int64, err error) {
	empty := "TRUNCATE TABLE " + f.stmt.table() + "; DELETE FROM lanes"
	for i := range f.lanes {
		empty += fmt.Sprintf("; INSERT INTO lanes VALUES ('forms', %d, 1, 0, '', '')", i)
	}
	if _, err := b.db.ExecContext(ctx, empty); err != nil {
		return 0, fmt.Errorf("empty the tables: %w", err)
	}
	if f.stmt.change == inserting {
		return 0, nil
	}
	rows = max(b.options.Rows, int64(f.perTxn*f.lanes))
	const each = 500
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(defaultLanes)
	for from := int64(1); from <= rows; from += each {
		group.Go(func() error {
			_, err := b.db.ExecContext(ctx, string(fillText(nil, b.rows, f.stmt.two, from, min(from+each, rows+1))))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("fill the table: %w", err)
	}
	return rows, nil
}

// all runs forms in each round in another order.
func (b *bench) all(ctx context.Context, list []form) error {
	var chosen []*result
	for _, f := range list {
		if strings.HasPrefix(string(f.question), b.options.Only) {
			chosen = append(chosen, &result{form: f})
		}
	}
	b.results = append(b.results, chosen...)
	for n := range b.options.Rounds {
		order := rand.Perm(len(chosen))
		for i, at := range order {
			r := chosen[at]
			got, err := b.once(ctx, &r.form)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", r.form.question, r.form.name, err)
			}
			r.rounds = append(r.rounds, got)
			b.options.Status("round %d, %d of %d: %s: %s: %.0f rows/s, %.1f µs", n+1, i+1, len(order),
				r.form.question, r.form.name, got.rate(), got.serverMicros())
		}
	}
	return nil
}

// once measures a form and checks the table.
func (b *bench) once(ctx context.Context, f *form) (round, error) {
	rows, err := b.prepare(ctx, f)
	if err != nil {
		return round{}, err
	}
	var lanes []*lane
	defer func() {
		for _, l := range lanes {
			l.close()
		}
	}()
	for i := range f.lanes {
		l, err := openLane(ctx, b.connector, f, b.rows, i)
		if err != nil {
			return round{}, err
		}
		lanes = append(lanes, l)
	}
	feed := &feed{change: f.stmt.change, rows: rows, perTxn: int64(f.perTxn), lanes: int64(f.lanes),
		limit: b.options.Blocks, deadline: time.Now().Add(b.options.Duration)}
	r, err := b.clocked(func() error {
		group, ctx := errgroup.WithContext(ctx)
		for _, l := range lanes {
			group.Go(func() error { return l.run(ctx, feed) })
		}
		return group.Wait()
	})
	if err != nil {
		return r, err
	}
	for _, l := range lanes {
		r.done.add(l.done)
	}
	return r, b.check(ctx, f, rows, r.done)
}

// clocked measures time and both processes' CPU time.
func (b *bench) clocked(work func() error) (r round, err error) {
	server, err := measure.CPU(b.pid)
	if err != nil {
		return r, err
	}
	client, err := measure.CPU(os.Getpid())
	if err != nil {
		return r, err
	}
	began := time.Now()
	if err := work(); err != nil {
		return r, err
	}
	r.took = time.Since(began)
	s, err := measure.CPU(b.pid)
	if err != nil {
		return r, err
	}
	c, err := measure.CPU(os.Getpid())
	r.server, r.client = s-server, c-client
	return r, err
}

// check compares the table with what the lanes count to have written, and its
// index with its rows.
func (b *bench) check(ctx context.Context, f *form, filled int64, done tally) error {
	table := f.stmt.table()
	wantCount, wantSum := filled+done.count, done.sum
	for id := int64(1); id <= filled; id++ {
		wantSum += b.rows.sumC(id, 0)
	}
	var count, sum int64
	q := "SELECT COUNT(*), CAST(COALESCE(SUM(CRC32(c)), 0) AS SIGNED) FROM " + table
	if err := b.db.QueryRowContext(ctx, q).Scan(&count, &sum); err != nil {
		return fmt.Errorf("read the table: %w", err)
	}
	if count != wantCount || sum != wantSum {
		return fmt.Errorf("the table has %d rows with sum %d, and should have %d with %d", count, sum, wantCount, wantSum)
	}
	if done.rows == 0 {
		return errors.New("nothing was written")
	}
	if _, err := b.db.ExecContext(ctx, "ADMIN CHECK TABLE "+table); err != nil {
		return fmt.Errorf("check the index: %w", err)
	}
	return nil
}
