package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
)

// A lock that waits makes the source's writers wait behind it, so it waits
// briefly, gives way, and tries again.
const (
	lockWaitSeconds = 2
	lockTries       = 4
	firstPause      = 300 * time.Millisecond // doubles after each try
)

// lockTables takes LOCK TABLES .. READ. It is granted when no transaction that
// changed one of the tables is unfinished.
func lockTables(ctx context.Context, conn *sql.Conn, tables []*replica.Table) error {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = replica.QuoteTable(t.Schema, t.Name) + " READ"
	}
	return lock(ctx, conn, "LOCK TABLES "+strings.Join(names, ", "))
}

// lock runs a locking statement with a bounded wait. The caller discards the
// connection.
func lock(ctx context.Context, conn *sql.Conn, statement string) error {
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("SET SESSION lock_wait_timeout = %d", lockWaitSeconds)); err != nil {
		return err
	}
	return retry(ctx, func() error {
		_, err := conn.ExecContext(ctx, statement)
		if isLockWait(err) {
			return &replica.Error{Code: codeLockBusy, State: "HY000", Class: "SOURCE", Transient: true, Err: err,
				Message: "a read lock on the source, needed for an instant, was not granted: a transaction or statement is using the tables",
				Remedy:  "find the long transaction on the source (SHOW PROCESSLIST, information_schema.innodb_trx) and let it end"}
		}
		return err
	})
}

// retry runs step until it succeeds, fails for good, or was tried lockTries
// times; the last error is returned.
func retry(ctx context.Context, step func() error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := step()
		var e *replica.Error
		if err == nil || try == lockTries || !errors.As(err, &e) || !e.Transient {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
		pause *= 2
	}
}

// isLockWait says whether err is MySQL's lock wait timeout.
func isLockWait(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == 1205
}
