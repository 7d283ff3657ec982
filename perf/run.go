package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/compare"
	"sluice/itest/node"
	"sluice/perf/load"
	"sluice/perf/measure"
	"sluice/perf/scenario"
)

// run is one run of a scenario: a fresh node that applies a load to a target.
type run struct {
	r        *rig
	scenario *scenario.Scenario
	scale    scenario.Scale
	target   scenario.Target
	node     *node.Node
	// schemas are those of the migrations.
	schemas []string
	rec     *recorded

	figures
}

const (
	// endPoll is how often the end is looked for; a look costs TiDB some 100 µs.
	endPoll = 20 * time.Millisecond
	// statePoll is how often the migration's state is.
	statePoll = time.Second
	// sampleEvery is how often the rows are counted for the picture. A node
	// publishes its count once a second, the black hole at once.
	sampleEvery = 200 * time.Millisecond
	// standstill is after how long without a row the picture shows none: longer
	// than a node takes to publish its count.
	standstill = 1500 * time.Millisecond
	// dropLimit bounds the dropping of up to 200 migrations.
	dropLimit = 3 * time.Minute
)

// runLimit ends a run that hangs.
var runLimit = map[scenario.Scale]time.Duration{
	scenario.Small: 2 * time.Minute, scenario.Normal: 20 * time.Minute, scenario.Large: 2 * time.Hour,
}

// limited bounds a run.
func (x *run) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := runLimit[x.scale]
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("the run took more than %v", limit))
}

// replay is a run that applies a recorded load.
func (x *run) replay(ctx context.Context) (err error) {
	ctx, cancel := x.limited(ctx)
	defer cancel()
	if err := x.prepareTarget(ctx); err != nil {
		return err
	}
	if x.node, err = x.r.startNode(ctx, x.target); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.endNode(ctx, err == nil)) }()
	for i, schema := range x.schemas {
		err := x.node.Exec(ctx, fmt.Sprintf("CREATE MIGRATION %s FROM SOURCE %s REPLICATE_DO_DB=(%s) START AT SOURCE_AUTO_POSITION '%s' WITH (mode=INCREMENTAL)",
			migrationName(i), sourceName, schema, x.rec.before))
		if err != nil {
			return err
		}
	}
	x.rows, x.bytes = x.rec.parsed.Rows, x.rec.parsed.Bytes
	if x.scenario.Kind == scenario.Stalled {
		return x.measured(ctx, x.stalled)
	}
	return x.measured(ctx, x.untilApplied)
}

func migrationName(i int) string { return fmt.Sprintf("m%d", i) }

// prepareTarget brings the target's tables to the state before the load.
func (x *run) prepareTarget(ctx context.Context) error {
	for _, schema := range x.schemas {
		if err := load.Make(ctx, x.r.to, schema, x.scenario.Tables); err != nil {
			return err
		}
		if err := load.Fill(ctx, x.r.to, schema, seed, x.scenario.Tables, int64(x.scenario.Initial[x.scale])); err != nil {
			return err
		}
	}
	return nil
}

// measured starts the migrations, calls work with the moment of START's OK, and
// compares the tables. work returns when all is applied and has set wall.
func (x *run) measured(ctx context.Context, work func(context.Context, time.Time) error) error {
	if err := x.r.settle(ctx); err != nil {
		return err
	}
	x.r.hole.Reset()
	before, err := x.use(ctx)
	if err != nil {
		return err
	}
	if err := x.node.Exec(ctx, "START MIGRATION ALL"); err != nil {
		return err
	}
	began := time.Now()
	sampling, stop := context.WithCancel(ctx)
	sampled := make(chan struct{})
	go func() {
		defer close(sampled)
		x.sample(sampling, began, before)
	}()
	err = work(ctx, began)
	stop()
	<-sampled
	if err != nil {
		return errors.Join(err, x.state(ctx))
	}
	after, err := x.use(ctx)
	if err != nil {
		return err
	}
	x.spend(before, after)
	if x.target == scenario.Blackhole {
		x.commits = after.holeCommits - before.holeCommits
		x.differences = x.swallowed(after.swallowedRows)
		return nil
	}
	if x.commits, err = x.commitCount(ctx); err != nil {
		return err
	}
	x.differences, err = x.compare(ctx)
	return err
}

// untilApplied waits until the end of the load is applied in all schemas.
func (x *run) untilApplied(ctx context.Context, began time.Time) error {
	first := began
	if !x.scenario.FromStart {
		var err error
		if first, err = x.firstCommit(ctx); err != nil {
			return err
		}
		x.startup = first.Sub(began)
	}
	left := x.schemas
	poll, state := time.NewTicker(endPoll), time.NewTicker(statePoll)
	defer poll.Stop()
	defer state.Stop()
	var lastRows uint64
	lastChange := first
	for {
		if rows := x.r.hole.Rows(); rows != lastRows {
			lastRows, lastChange = rows, time.Now()
		}
		ended, err := x.ended(ctx, left[0])
		if err != nil {
			return err
		}
		if ended {
			if left = left[1:]; len(left) == 0 {
				break
			}
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
		case <-state.C:
			if err := x.stopped(ctx); err != nil {
				return err
			}
		}
	}
	end := time.Now()
	if x.target == scenario.Blackhole {
		// The DDL that ends the load runs on the TiDB behind.
		end = lastChange
	}
	x.wall = max(end.Sub(first), time.Millisecond)
	return nil
}

// ended says whether the end of the load is applied in a schema. The black hole
// is asked first, where it knows how many rows are to come.
func (x *run) ended(ctx context.Context, schema string) (bool, error) {
	if x.target == scenario.Blackhole && !x.scenario.Folds && int(x.r.hole.Rows()) < x.rec.parsed.Rows {
		return false, nil
	}
	return load.Ended(ctx, x.r.plain, schema)
}

// firstCommit waits for the first commit of a lane.
func (x *run) firstCommit(ctx context.Context) (time.Time, error) {
	poll, state := time.NewTicker(endPoll), time.NewTicker(statePoll)
	defer poll.Stop()
	defer state.Stop()
	for {
		if x.target == scenario.Blackhole {
			if x.r.hole.Rows() > 0 {
				return time.Now(), nil
			}
		} else if n, err := x.laneCommits(ctx); err != nil {
			return time.Time{}, err
		} else if n > 0 {
			return time.Now(), nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, context.Cause(ctx)
		case <-poll.C:
		case <-state.C:
			if err := x.stopped(ctx); err != nil {
				return time.Time{}, err
			}
		}
	}
}

// claimSeq is what a claim adds to a lane's sequence number; after that each
// commit adds one.
const claimSeq = 2

// laneCommits returns how many transactions the lanes have committed, without
// the control lane.
func (x *run) laneCommits(ctx context.Context) (float64, error) {
	return x.commitsOf(ctx, "lane>0")
}

// commitCount returns how many transactions wrote rows: those of the lanes, or
// of the control lane, which a transaction that is too long for the others goes
// through in parts.
func (x *run) commitCount(ctx context.Context) (float64, error) {
	n, err := x.laneCommits(ctx)
	if err != nil || n > 0 {
		return n, err
	}
	return x.commitsOf(ctx, "lane=0")
}

func (x *run) commitsOf(ctx context.Context, lanes string) (float64, error) {
	var n sql.NullFloat64
	err := x.r.plain.QueryRowContext(ctx, fmt.Sprintf("SELECT SUM(seq)-%d*COUNT(*) FROM sluice_meta.lanes WHERE %s", claimSeq, lanes)).Scan(&n)
	var e *mysql.MySQLError
	if errors.As(err, &e) && (e.Number == 1146 || e.Number == 1049) {
		return 0, nil // not made yet
	}
	if err != nil {
		return 0, fmt.Errorf("count the lanes' commits: %w", err)
	}
	return n.Float64, nil
}

// errStopped is returned when a migration stopped with an error.
var errStopped = errors.New("the migration stopped")

// stopped returns the error with which a migration stopped, nil while all run.
func (x *run) stopped(ctx context.Context) error {
	rows, err := x.node.Query(ctx, "SHOW MIGRATION STATUS")
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row["Status"] == "ERROR" {
			return fmt.Errorf("%w: error %s: %s", errStopped, row["Last_Errno"], row["Last_Error"])
		}
	}
	return nil
}

// state describes a run that failed.
func (x *run) state(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	rows, err := x.node.Query(ctx, "SHOW MIGRATION STATUS WHERE Status<>'STOPPED' LIMIT 1")
	if err != nil || len(rows) == 0 {
		return fmt.Errorf("the node's log ends with: %s", x.node.LogTail(5))
	}
	row := rows[0]
	return fmt.Errorf("migration %s: %s %s, executed %s: %s %s", row["Migration"], row["Phase"], row["Status"], row["Executed_Gtid_Set"],
		row["Last_Errno"], row["Last_Error"])
}

// sample counts the applied rows until ctx ends.
func (x *run) sample(ctx context.Context, began time.Time, before usage) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	x.samples = append(x.samples, sample{})
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		rows := float64(x.r.hole.Rows())
		if x.target != scenario.Blackhole || x.scenario.Folds { // where it is given fewer than the source has
			n, err := measure.FetchNode(ctx, x.node.HTTP)
			if err != nil {
				continue // the picture lacks a point
			}
			rows = n.Rows - before.node.Rows + n.Copied - before.node.Copied
		}
		if last, now := x.samples[len(x.samples)-1], time.Since(began); rows > last.rows || now-last.at >= standstill {
			x.samples = append(x.samples, sample{at: now, rows: rows})
		}
	}
}

// compare compares all tables of the schemas.
func (x *run) compare(ctx context.Context) (differences int, err error) {
	tables, err := compare.List(ctx, x.r.from, x.schemas...)
	if err != nil {
		return 0, fmt.Errorf("list the tables: %w", err)
	}
	results, err := compare.Tables(ctx, x.r.from, x.r.to, tables)
	if err != nil {
		return 0, err
	}
	for _, t := range results {
		differences += t.Differences
		for _, s := range t.Sample {
			x.r.log("%s: %s.%s: %s", x.scenario.Name, t.SourceSchema, t.SourceTable, s)
		}
	}
	return differences, nil
}

// swallowed checks the rows that the black hole counted against the load's:
// the same number, unless the load changes rows more than once. Then a batch
// writes only a row's last state, and an update that moves a unique value as a
// delete and an insert: at least one row for each that the load changes, but for
// a few that end as they began, and at most two for each change.
func (x *run) swallowed(rows float64) (differences int) {
	n, want := int(rows), x.rec.parsed.Rows
	if x.scenario.Folds {
		return max(0, x.rec.keys*9/10-n, n-2*want)
	}
	return max(n-want, want-n)
}

// errLeft is returned when a dropped migration left positions in the target.
var errLeft = errors.New("a dropped migration left positions in the target")

// endNode drops the migrations and ends the node: in order after a good run.
func (x *run) endNode(ctx context.Context, good bool) error {
	if !good {
		return x.node.Close()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropLimit)
	defer cancel()
	err := x.dropMigrations(ctx)
	err = errors.Join(err, x.node.Stop(stopLimit), x.node.Close())
	if err == nil && !x.r.keep {
		err = os.RemoveAll(x.node.Dir)
	}
	return err
}

// dropMigrations stops and drops the migrations, and looks that they left no
// position: the target keeps a dropped migration's lanes as a tombstone, with
// nothing in it.
func (x *run) dropMigrations(ctx context.Context) error {
	if err := x.node.Exec(ctx, "STOP MIGRATION ALL"); err != nil {
		return err
	}
	for i := range x.schemas {
		err := x.node.Exec(ctx, fmt.Sprintf("WAIT FOR MIGRATION %s UNTIL STATUS='STOPPED' TIMEOUT 30", migrationName(i)),
			"DROP MIGRATION "+migrationName(i))
		if err != nil {
			return err
		}
	}
	var left int
	err := x.r.plain.QueryRowContext(ctx, "SELECT COUNT(*) FROM sluice_meta.lanes WHERE base<>'' OR extra<>''").Scan(&left)
	if err != nil {
		return fmt.Errorf("look what the migration left: %w", err)
	}
	if left > 0 {
		return fmt.Errorf("%w: %d", errLeft, left)
	}
	return nil
}
