package node

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
)

// errWaitTimeout is the admin port's error number for a WAIT FOR whose time
// is over.
const errWaitTimeout = 61030

// ErrStopped is returned by CaughtUp when the migration stopped with an error.
var ErrStopped = errors.New("the migration stopped")

// Executed returns the GTID set of all that a source has committed.
func Executed(ctx context.Context, source *sql.DB, kind servers.Kind) (string, error) {
	query := "SELECT @@GLOBAL.gtid_binlog_pos"
	if kind == servers.MySQL {
		query = "SELECT @@GLOBAL.gtid_executed"
	}
	var set string
	if err := source.QueryRowContext(ctx, query).Scan(&set); err != nil {
		return "", fmt.Errorf("ask the source's position: %w", err)
	}
	return set, nil
}

// CaughtUp waits until all that the source has committed by now is applied.
// It ends at once, with ErrStopped, when the migration stops with an error.
func (c Cluster) CaughtUp(ctx context.Context, migration string, source *sql.DB, kind servers.Kind, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not in %v", limit))
	defer cancel()
	set, err := Executed(ctx, source, kind)
	if err != nil {
		return err
	}
	for {
		err := c.Exec(ctx, fmt.Sprintf("WAIT FOR MIGRATION %s UNTIL SQL_AFTER_GTIDS='%s' TIMEOUT 1", migration, set))
		if err == nil {
			return nil
		}
		row, statusErr := c.Migration(ctx, migration)
		state := fmt.Sprintf("%s %s, executed %s of %s", row["Phase"], row["Status"], row["Executed_Gtid_Set"], set)
		var e *mysql.MySQLError
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("wait until %s has caught up: %w: %s: %w", migration, context.Cause(ctx), state, err)
		case errors.As(err, &e) && e.Number == errWaitTimeout && row["Status"] != "ERROR":
		case statusErr == nil && row["Status"] == "ERROR":
			return fmt.Errorf("%w: %s: error %s: %s", ErrStopped, state, row["Last_Errno"], row["Last_Error"])
		case errors.As(err, &e) && e.Number != errWaitTimeout:
			return fmt.Errorf("wait until %s has caught up: %w", migration, err)
		}
		select { // a node that cannot be reached answers at once
		case <-ctx.Done():
		case <-time.After(untilEvery):
		}
	}
}
