package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/perf/load"
	"sluice/perf/scenario"
)

// fillSource makes the tables of a copy: the last one has as many rows as all
// others together.
func (r *rig) fillSource(ctx context.Context, s *scenario.Scenario, scale scenario.Scale) error {
	schema := schemasOf(s, scale)[0]
	if err := load.Make(ctx, r.from, schema, s.Tables); err != nil {
		return err
	}
	began := time.Now()
	half := int64(s.Size[scale] / 2)
	small := len(s.Tables) - 1
	if err := load.Fill(ctx, r.from, schema, seed, s.Tables[:small], half/int64(small)); err != nil {
		return err
	}
	if err := load.Fill(ctx, r.from, schema, seed, s.Tables[small:], half); err != nil {
		return err
	}
	r.log("%s: %d tables filled in %.1f s", s.Name, len(s.Tables), time.Since(began).Seconds())
	return nil
}

// copy is a run that copies the source's tables: from when they are made in the
// target until every one is copied. CPU is counted from START's OK.
func (x *run) copy(ctx context.Context) (err error) {
	ctx, cancel := x.limited(ctx)
	defer cancel()
	if _, err := x.r.to.ExecContext(ctx, "DROP DATABASE IF EXISTS `"+x.schemas[0]+"`"); err != nil {
		return fmt.Errorf("clear the target: %w", err)
	}
	if x.node, err = x.r.startNode(ctx, x.target); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.endNode(ctx, err == nil)) }()
	err = x.node.Exec(ctx, fmt.Sprintf("CREATE MIGRATION %s FROM SOURCE %s REPLICATE_DO_DB=(%s)", migrationName(0), sourceName, x.schemas[0]))
	if err != nil {
		return err
	}
	small := len(x.scenario.Tables) - 1
	half := x.scenario.Size[x.scale] / 2
	x.rows = half/small*small + half + 1 // the end table has a row too
	return x.measured(ctx, x.untilCopied)
}

// untilCopied waits until all tables are copied.
func (x *run) untilCopied(ctx context.Context, began time.Time) error {
	poll, state := time.NewTicker(5*endPoll), time.NewTicker(statePoll)
	defer poll.Stop()
	defer state.Stop()
	made := time.Time{}
	for {
		if made.IsZero() {
			n, err := x.made(ctx)
			if err != nil {
				return err
			}
			if n == len(x.scenario.Tables)+1 {
				made = time.Now()
				x.startup = made.Sub(began)
				x.note = fmt.Sprintf("%d tables were made in %.1f s, which rows/s leaves out", n, x.startup.Seconds())
			}
		}
		done, err := x.copied(ctx)
		if err != nil {
			return err
		}
		if done == len(x.scenario.Tables)+1 && !made.IsZero() {
			break
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
	x.wall = time.Since(made)
	return x.node.Exec(ctx, "WAIT FOR MIGRATION "+migrationName(0)+" UNTIL PHASE='REPLICATE' TIMEOUT 60")
}

// made returns how many of the tables are in the target.
func (x *run) made(ctx context.Context) (n int, err error) {
	err = x.r.plain.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema=?", x.schemas[0]).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the target's tables: %w", err)
	}
	return n, nil
}

// copied returns how many tables are copied: the migration's SHOW is a second
// old at worst, the target's own record is not.
func (x *run) copied(ctx context.Context) (int, error) {
	var n sql.NullInt64
	err := x.r.plain.QueryRowContext(ctx, "SELECT COUNT(*) FROM sluice_meta.tables WHERE state<>'copy'").Scan(&n)
	var e *mysql.MySQLError
	if errors.As(err, &e) && (e.Number == 1146 || e.Number == 1049) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("count the copied tables: %w", err)
	}
	return int(n.Int64), nil
}
